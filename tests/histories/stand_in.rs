//! An agent that is wrong on purpose: a few routes of the agent, served through the library from a
//! store with a fault in front of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use test_support::world::both;
use twostep::agent;
use twostep::agent::Config;
use twostep::id::{AccountId, SerialNumber};
use twostep::otp::{Code, Window};
use twostep::session::{Introspector, Issuer, SignedContext};
use twostep::store::{Keyring, PostgresOptions, PostgresStore, SqliteStore};
use twostep::time::SystemClock;
use twostep::verifier::{Authority, Error, Limits, Passcode, Verifier};

use super::wrong::Wrong;

struct StandIn {
    verifier: Verifier,
    issuer: Issuer,
    introspector: Introspector,
    /// Contexts that were alive at that moment, for an agent that remembers them.
    alive: Option<Mutex<HashMap<String, Instant>>>,
}

type Answered = (StatusCode, Json<Value>);

/// Serves until it is killed.
pub(crate) async fn serve(config: Config, wrong: Wrong) -> Result<(), agent::Error> {
    let keyring = Keyring::from_file(config.key_file()).unwrap();
    let address = std::env::var(Wrong::STORE).unwrap();
    let store = match address.strip_prefix("sqlite:") {
        Some(file) => wrong.over(SqliteStore::open(file).unwrap()),
        None => wrong.over(PostgresStore::open(options(&address, &config)).await.unwrap()),
    };
    let verifier = Verifier::with(store, keyring, Arc::new(SystemClock), Limits::default());
    verifier.ready().await.unwrap();
    let issuer = Issuer::new(verifier.clone(), "twostep");
    let introspector = Introspector::new(issuer.clone(), verifier.clone());
    let alive = (wrong == Wrong::Remembers).then(Mutex::default);
    let routes = Router::new()
        .route("/v1/sessions", post(open))
        .route("/v1/sessions/introspect", post(introspect))
        .route("/v1/accounts/{account}/revoke-sessions", post(revoke))
        .route("/v1/devices/{serial}", delete(remove))
        .route("/v1/devices/{serial}/{verb}", post(change))
        .with_state(Arc::new(StandIn { verifier, issuer, introspector, alive }));
    let path = config.socket_path();
    let _ = std::fs::remove_file(&path);
    let listener = tokio::net::UnixListener::bind(path).unwrap();
    eprintln!("{{\"message\":\"ready\"}}");
    axum::serve(listener, routes).await.unwrap();
    Ok(())
}

fn options(address: &str, config: &Config) -> PostgresOptions {
    let state = config.socket_path().parent().map(Into::into);
    let single = std::env::var(Wrong::SINGLE).is_ok_and(|single| single == "true");
    address
        .parse::<PostgresOptions>()
        .unwrap()
        .single(single)
        .state_directory(state)
}

async fn open(State(agent): State<Arc<StandIn>>, Json(body): Json<Value>) -> Answered {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let account: AccountId = text("account").parse().unwrap();
    let serial: SerialNumber = text("serial").parse().unwrap();
    let verified = match pair(&body) {
        Some(pair) => {
            agent.verifier.verify_pair(&account, &serial, both(&pair), Window::Owner).await
        }
        None => {
            let code: Passcode = text("code").parse().unwrap();
            agent.verifier.verify_code(&account, &serial, code).await
        }
    };
    let issued = match verified {
        Ok(verified) => agent.issuer.issue(verified, "twostep").await,
        Err(error) => Err(error),
    };
    answer(issued.map(|token| json!({"token": token.as_str()})))
}

async fn introspect(State(agent): State<Arc<StandIn>>, Json(body): Json<Value>) -> Answered {
    let token = body["token"].as_str().unwrap();
    let known = |alive: &Mutex<HashMap<String, Instant>>| {
        alive
            .lock()
            .unwrap()
            .get(token)
            .is_some_and(|at| at.elapsed() < Duration::from_secs(1))
    };
    if agent.alive.as_ref().is_some_and(known) {
        return answer(Ok(json!({"active": true})));
    }
    let context = agent.introspector.introspect(&SignedContext::new(token), "twostep").await;
    if let (Ok(Some(_)), Some(alive)) = (&context, &agent.alive) {
        alive.lock().unwrap().insert(token.to_owned(), Instant::now());
    }
    answer(context.map(|context| json!({"active": context.is_some()})))
}

async fn revoke(State(agent): State<Arc<StandIn>>, Path(account): Path<AccountId>) -> Answered {
    done(agent.verifier.revoke_sessions(&account, None, None).await)
}

async fn remove(State(agent): State<Arc<StandIn>>, Path(serial): Path<SerialNumber>) -> Answered {
    done(agent.verifier.remove(&serial, &Authority::Admin).await)
}

async fn change(
    State(agent): State<Arc<StandIn>>,
    Path((serial, verb)): Path<(SerialNumber, String)>,
    body: Option<Json<Value>>,
) -> Answered {
    let (verifier, admin) = (&agent.verifier, &Authority::Admin);
    match (verb.as_str(), body.and_then(|body| pair(&body))) {
        ("activate", Some(pair)) => {
            done(verifier.activate(&serial, both(&pair), Window::Admin, admin).await)
        }
        ("deactivate", _) => done(verifier.deactivate(&serial, admin).await),
        _ => done(verifier.unlock(&serial).await),
    }
}

fn pair(body: &Value) -> Option<[Code; 2]> {
    let code = |at: usize| body["codes"][at].as_str()?.parse().ok();
    Some([code(0)?, code(1)?])
}

fn done<T>(result: Result<T, Error>) -> Answered {
    answer(result.map(|_| json!({})))
}

fn answer(result: Result<Value, Error>) -> Answered {
    let (status, body) = match result {
        Ok(body) => (StatusCode::OK, body),
        Err(Error::Refused(refusal)) => (StatusCode::FORBIDDEN, json!({"reason": refusal.name()})),
        Err(Error::NotFound(_)) => (StatusCode::NOT_FOUND, json!({})),
        Err(Error::AlreadyExists(_)) => {
            (StatusCode::CONFLICT, json!({"code": "EntityAlreadyExists"}))
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, json!({"detail": error.to_string()})),
    };
    (status, Json(body))
}
