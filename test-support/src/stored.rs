//! The store that tests run on: a file, or a database where `TWOSTEP_TEST_STORE=postgres`.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::runtime::Runtime;

use crate::postgres::Server;

/// True if tests that name no kind of store run on PostgreSQL.
pub fn on_postgres() -> bool {
    std::env::var_os("TWOSTEP_TEST_STORE").is_some_and(|store| store == "postgres")
}

/// The server of all tests of this program. It ends with the program.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start_with(&["max_connections = 400"]))
}

/// The result of a future, for a test that is not asynchronous where it opens its store.
pub fn block_on<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let (answer, answered) = std::sync::mpsc::channel();
    RUNTIME.get_or_init(|| Runtime::new().unwrap()).spawn(async move {
        let _ = answer.send(future.await);
    });
    answered.recv().unwrap()
}

/// The address of a new, empty database.
pub fn new_database() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("store{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    server().create(&name);
    server().url(&name)
}

/// The table `[store]` of an agent that keeps all it has in this folder.
pub fn table_in(folder: &Path) -> String {
    if !on_postgres() {
        let file = folder.join("store.db");
        return format!(
            "[store]\nurl = \"sqlite:{}\"\nkey_file = \"sealing.key\"\n",
            file.display()
        );
    }
    let known = folder.join("database");
    let address = fs::read_to_string(&known).unwrap_or_else(|_| {
        let address = new_database();
        fs::write(&known, &address).unwrap();
        address
    });
    format!("[store]\nurl = \"{address}\"\nsingle = true\nkey_file = \"sealing.key\"\n")
}
