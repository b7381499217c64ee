//! A network that lets nothing out but through an HTTP proxy with a password: pairing, both ways to
//! Studio, and back after the proxy was gone.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, ConnectProxy, free_port, until};
use integration::brokered::{LONG, stage_with};
use integration::report;
use sandbox::{Studio, Way};
use std::time::Instant;

const KEY: &str = "VISTTER__LINK__PROXY";

fn address(port: u16, password: &str) -> String {
    format!("http://venue:{password}@127.0.0.1:{port}")
}

#[test]
fn pairing_and_both_ways_to_studio_go_through_the_proxy_and_come_back_through_it() {
    for way in [Way::Socket, Way::Broker(free_port())] {
        let kind = way.kind();
        let proxy = ConnectProxy::start("venue", "p@ss:word");
        let environment = [(KEY, address(proxy.port(), "p%40ss%3Aword"))];
        let stage = stage_with(&[way], &environment);
        // One for pairing and one for the link, at least.
        assert!(proxy.tunnels() >= 2, "{kind}: {}", proxy.tunnels());
        stage.done();

        let (sessions, tunnels) = (stage.count("sessions"), proxy.tunnels());
        proxy.cut();
        let back = stage.back(sessions);
        report(
            &format!("{kind}: back after the proxy ended it, ms"),
            back.as_millis(),
        );
        assert!(proxy.tunnels() > tunnels, "{kind}: by another way");
        stage.done();
        assert_eq!(proxy.turned_away(), 0);
        assert!(!stage.agent.log().contains("ss%3Aword"));
        assert!(!stage.agent.log().contains("p@ss:word"));
        assert!(!stage.link().to_string().contains("word"));
    }
}

#[test]
fn a_proxy_that_lets_nobody_in_or_is_not_there_is_told_with_what_to_do() {
    let studio = Studio::start();
    let (data, authority) = (tempfile::tempdir().unwrap(), studio.authority());
    let token = studio.token(None);
    let authority = authority.to_str().unwrap();
    let arguments = ["pair", "--studio", &studio.url(), "--ca", authority, &token];
    let pair = |address: String| {
        let began = Instant::now();
        let (code, said) = Agent::command_with(&arguments, data.path(), &[(KEY, address)]);
        assert_ne!(code, Some(0), "{said}");
        assert!(!said.contains("secret-word"), "{said}");
        report("told after, ms", began.elapsed().as_millis());
        said
    };
    let proxy = ConnectProxy::start("venue", "another");
    let said = pair(address(proxy.port(), "secret-word"));
    assert!(said.contains("proxy authorization required"), "{said}");
    assert!(said.contains("Check link.proxy"), "{said}");
    assert_eq!((proxy.tunnels(), proxy.turned_away()), (0, 1));
    let said = pair(address(free_port(), "secret-word"));
    assert!(said.contains("Check link.proxy"), "{said}");
    let said = pair("http://venue:secret-word@127.0.0.1".to_owned());
    assert!(
        said.contains("link.proxy") && said.contains("http://host:port"),
        "{said}"
    );
    assert_eq!(studio.devices(), Vec::<String>::new());

    // And the link says so while everything local works.
    let proxy = ConnectProxy::start("venue", "word");
    let environment = [(KEY, address(proxy.port(), "word"))];
    let stage = stage_with(&[Way::Socket], &environment);
    let port = proxy.port();
    drop(proxy);
    let told = until(LONG, || {
        let error = stage.link()["last_error"].to_string();
        error.contains(&format!("the proxy 127.0.0.1:{port} does not connect"))
    });
    assert!(told, "{}", stage.link());
    assert_eq!(stage.agent.api().get("/api/cameras").status, 200);
}
