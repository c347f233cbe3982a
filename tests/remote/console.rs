//! The typed client's way to the console's links and sign-ins.

use twostep::client::Client;
use twostep::wire::{MakeConsoleLink, StartSignIn};

/// A link is made, listed and withdrawn, and a sign-in is started.
pub(super) async fn ask_about_console(client: &Client) {
    let link = MakeConsoleLink { account: "alice".to_owned(), ttl_seconds: None, recover: None };
    let made = client.make_console_link(&link).await.unwrap();
    let listed = client.all_console_links().await.unwrap();
    assert_eq!(listed.iter().map(|link| &link.id).collect::<Vec<_>>(), [&made.id]);
    client.withdraw_console_link(&made.id).await.unwrap();
    let sign_in = StartSignIn {
        account: "alice".to_owned(),
        return_to: "https://orders.example.com/".to_owned(),
        state: Some("s".into()),
    };
    client.start_sign_in(&sign_in).await.unwrap();
}

/// The settings of a console that serves one service.
pub(super) const CONSOLE: &str = "[console]\norigin = \"http://localhost:7443\"\n\
    listen = [\"127.0.0.1:0\"]\n\
    [[console.service]]\nname = \"Orders\"\n\
    origin = \"https://orders.example.com\"\nreceive = \"/mfa\"\naudience = \"orders\"\n";
