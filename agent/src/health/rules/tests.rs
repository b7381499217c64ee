//! Each rule of the contract, at both sides of its limit.

use super::*;
use crate::telemetry::system::{CpuSample, DiskSample, MemorySample};

fn machine(change: impl FnOnce(&mut SystemSample)) -> Seen {
    let mut machine = SystemSample {
        at_ns: 1,
        disk: DiskSample {
            total: 1000,
            available: 900,
        },
        memory: MemorySample {
            total: 1 << 30,
            available: 1 << 29,
            ..MemorySample::default()
        },
        ..SystemSample::default()
    };
    change(&mut machine);
    Seen {
        machine,
        ..Seen::default()
    }
}

fn program(program: ProgramSeen) -> Seen {
    Seen {
        program: Some(program),
        running: true,
        live: true,
        ..Seen::default()
    }
}

fn cpu(busy: f32) -> Seen {
    machine(|now| {
        now.cpu = CpuSample {
            busy,
            busy_5s: busy,
            ..CpuSample::default()
        };
    })
}

fn disk(available: u64) -> Seen {
    machine(|now| now.disk.available = available)
}

/// A certificate that is good for so many days, and so many of them are left.
fn certificate(life: u64, left: u64) -> Seen {
    let days = |days: u64| Duration::from_secs(days * 86_400);
    let validity = link::Validity {
        from_ms: 0,
        until_ms: life * 86_400_000,
    };
    Seen {
        credentials: Some(CredentialsSeen::at(days(life - left), validity)),
        ..Seen::default()
    }
}

const fn expiring(severity: Severity) -> [(Condition, Severity); 1] {
    [(Condition::CredentialsExpiring, severity)]
}

fn heat(degrees: f32) -> Seen {
    machine(|now| now.temperature_c = Some(degrees))
}

fn encoder(share: f32) -> Seen {
    program(ProgramSeen {
        encoder_cpu: Some(share),
        ..ProgramSeen::default()
    })
}

fn lost(lost_per_s: f32) -> Seen {
    program(ProgramSeen {
        lost_per_s,
        ..ProgramSeen::default()
    })
}

fn buffer(share: f32) -> Seen {
    program(ProgramSeen {
        buffer: Some(share),
        ..ProgramSeen::default()
    })
}

fn silent(silent_s: f32) -> Seen {
    program(ProgramSeen {
        silent_s,
        ..ProgramSeen::default()
    })
}

fn restarts(restarts: u64) -> Seen {
    program(ProgramSeen {
        restarts,
        ..ProgramSeen::default()
    })
}

fn quality(busy: bool) -> Seen {
    Seen {
        lowered: Some(LoweredSeen {
            what: "15 frames a second".to_owned(),
            cause: "the device is too busy".to_owned(),
            advice: "End other programs.",
            busy,
        }),
        ..program(ProgramSeen::default())
    }
}

#[test]
fn lowered_quality_is_told_at_once_and_follows_from_a_busy_processor_only_where_that_is_why() {
    for (busy, roots) in [(true, 3), (false, 0)] {
        let found = rules(&quality(busy));
        let [one] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(one.code, Condition::QualityLowered);
        assert_eq!(one.roots.len(), roots);
        assert_eq!(one.settle, Duration::ZERO);
        let words = "Quality is lowered – viewers get 15 frames a second";
        assert_eq!(one.message, words);
        assert!(one.remediation.starts_with("End other programs. It comes"));
    }
}

#[test]
fn every_limit_of_the_contract_has_two_sides() {
    use Condition as C;
    use Severity as S;
    let none: &[(C, S)] = &[];
    for (case, seen, want) in [
        ("a machine without a sample", Seen::default(), none),
        ("a good machine", machine(|_| {}), none),
        ("80 % busy", cpu(80.0), none),
        ("81 % busy", cpu(81.0), &[(C::CpuHigh, S::Warning)]),
        ("disk at 85 %", disk(150), none),
        ("disk at 86 %", disk(140), &[(C::StorageLow, S::Warning)]),
        ("disk at 96 %", disk(40), &[(C::StorageFull, S::Error)]),
        ("79 degrees", heat(79.0), none),
        (
            "80 degrees",
            heat(80.0),
            &[(C::TemperatureHigh, S::Warning)],
        ),
        (
            "throttled",
            machine(|now| now.throttled = Some(true)),
            &[(C::CpuThrottled, S::Warning)],
        ),
        (
            "not throttled",
            machine(|now| now.throttled = Some(false)),
            none,
        ),
        (
            "weak supply",
            machine(|now| now.under_voltage = Some(true)),
            &[(C::CpuThrottled, S::Warning)],
        ),
        (
            "clock free",
            machine(|now| now.clock_synced = Some(false)),
            &[(C::ClockUnsynced, S::Warning)],
        ),
        (
            "4 % memory",
            machine(|now| now.memory.available = 40 << 20),
            &[(C::MemoryLow, S::Warning)],
        ),
        ("encoder at 90 %", encoder(90.0), none),
        (
            "encoder at 91 %",
            encoder(91.0),
            &[(C::EncoderCpu, S::Warning)],
        ),
        ("a new certificate", certificate(366, 365), none),
        ("31 days of a year left", certificate(366, 31), none),
        (
            "30 days of a year left",
            certificate(366, 30),
            &expiring(S::Warning),
        ),
        ("11 days of a month left", certificate(30, 11), none),
        (
            "10 days of a month left",
            certificate(30, 10),
            &expiring(S::Warning),
        ),
        (
            "a certificate that ended",
            certificate(30, 0),
            &expiring(S::Error),
        ),
        ("5 frames lost", lost(5.0), none),
        ("6 frames lost", lost(6.0), &[(C::FramesDropped, S::Error)]),
        ("buffer at 10 %", buffer(10.0), none),
        ("buffer at 9 %", buffer(9.0), &[(C::BufferLow, S::Info)]),
        ("silent for 2.9 s", silent(2.9), none),
        (
            "silent for 3 s",
            silent(3.0),
            &[(C::ProgramStalled, S::Critical)],
        ),
        ("2 restarts", restarts(2), none),
        ("3 restarts", restarts(3), &[(C::EncoderUnstable, S::Error)]),
    ] {
        let found: Vec<_> = rules(&seen)
            .iter()
            .map(|one| (one.code, one.severity))
            .collect();
        assert_eq!(found, want, "{case}");
    }
}

#[test]
fn high_load_is_told_after_thirty_seconds() {
    assert_eq!(rules(&cpu(99.0))[0].settle, Duration::from_secs(30));
}

fn lost_camera(stand_in: Option<StandIn>) -> CameraSeen {
    CameraSeen {
        id: "2".to_owned(),
        name: "Camera 2".to_owned(),
        delivers: false,
        known: true,
        stand_in,
        cause: None,
    }
}

#[test]
fn a_lost_camera_is_told_in_plain_words() {
    use Severity as S;
    for (stand_in, severity, words) in [
        (
            Some(StandIn::Backup(String::new())),
            S::Warning,
            "Camera 2 is offline – switched to backup",
        ),
        (
            Some(StandIn::Backup("Wide".into())),
            S::Warning,
            "Camera 2 is offline – switched to backup Wide",
        ),
        (
            Some(StandIn::Pattern),
            S::Critical,
            "Camera 2 is offline – the program shows the test pattern",
        ),
        (
            Some(StandIn::LastPicture),
            S::Error,
            "Camera 2 is offline – the program holds its last picture",
        ),
        (
            Some(StandIn::NotOnProgram),
            S::Warning,
            "Camera 2 is offline – it is not on program now",
        ),
        (None, S::Error, "Camera 2 is offline"),
    ] {
        let found = camera(&lost_camera(stand_in)).unwrap();
        assert_eq!((found.severity, found.message.as_str()), (severity, words));
        assert!(found.remediation.contains("cable"));
    }
    let opening = CameraSeen {
        known: false,
        ..lost_camera(None)
    };
    assert_eq!(camera(&opening).unwrap().settle, Duration::from_secs(5));
    let there = CameraSeen {
        delivers: true,
        ..lost_camera(None)
    };
    assert_eq!(camera(&there), None);
}

const REFUSED: &str = "it is refused";

fn to(id: &str, state: DestinationState, cause: Option<&str>) -> DestinationSeen {
    DestinationSeen {
        id: id.to_owned(),
        name: format!("Channel {id}"),
        platform: Some((
            "YouTube Live".into(),
            Some("https://youtube.example/live".into()),
        )),
        state,
        cause: cause.map(str::to_owned),
        advice: Some("Ask the server.".to_owned()),
        rejected: cause == Some(REFUSED),
        retries: 3,
    }
}

#[test]
fn a_destination_that_is_not_active_is_named_with_what_to_do() {
    use DestinationState as D;
    for (state, cause, want) in [
        (D::Active, None, None),
        (D::Idle, None, None),
        (
            D::Connecting,
            None,
            Some(("Channel a does not take the program yet", 10_000)),
        ),
        (
            D::Retrying,
            Some("closed"),
            Some(("Channel a is offline – it is being connected again", 1500)),
        ),
        (
            D::Failed,
            Some("silent"),
            Some((
                "Channel a is offline – 3 tries failed, tried each minute",
                1500,
            )),
        ),
        (
            D::Retrying,
            Some(REFUSED),
            Some(("Channel a does not accept the stream key", 1500)),
        ),
    ] {
        let found = destination(&to("a", state, cause));
        let seen = found
            .as_ref()
            .map(|found| (found.message.as_str(), found.settle.as_millis()));
        assert_eq!(seen, want);
    }
    let rejected = destination(&to("a", D::Retrying, Some(REFUSED))).unwrap();
    assert_eq!(rejected.code, Condition::DestinationRejected);
    assert!(
        rejected
            .remediation
            .contains("https://youtube.example/live"),
        "{rejected:?}"
    );
}

#[test]
fn all_destinations_at_once_are_the_network_and_one_alone_is_not() {
    use DestinationState as D;
    let cut = |id| to(id, D::Retrying, Some("silent"));
    let refused = |id| to(id, D::Failed, Some(REFUSED));
    let fine = |id| to(id, D::Active, None);
    for (case, all, down) in [
        ("none", vec![], false),
        ("the only one", vec![cut("a")], false),
        ("both", vec![cut("a"), cut("b")], true),
        ("two of three", vec![cut("a"), cut("b"), fine("c")], false),
        (
            "two, and one that is refused",
            vec![cut("a"), cut("b"), refused("c")],
            true,
        ),
        (
            "two that are refused",
            vec![refused("a"), refused("b")],
            false,
        ),
    ] {
        assert_eq!(network(&all).is_some(), down, "{case}");
    }
}

#[test]
fn the_media_server_is_worst_while_live() {
    let down = MediaSeen::Down {
        reason: "it was ended by signal 9".to_owned(),
        remediation: "Wait.".into(),
        done_without: false,
    };
    for (running, live, severity) in [
        (true, true, Severity::Critical),
        (true, false, Severity::Error),
        (false, false, Severity::Warning),
    ] {
        let seen = Seen {
            media: down.clone(),
            running,
            live,
            ..Seen::default()
        };
        let found = rules(&seen);
        assert_eq!((found.len(), found[0].severity), (1, severity));
        assert_eq!(found[0].cause, "it was ended by signal 9");
    }
}

#[test]
fn a_media_server_that_is_done_without_is_the_cause_of_nothing_else() {
    let down = |done_without| MediaSeen::Down {
        reason: "there is none".to_owned(),
        remediation: "Install it.".into(),
        done_without,
    };
    for (done_without, severity) in [(false, Severity::Critical), (true, Severity::Error)] {
        let lost = to("1", DestinationState::Retrying, None);
        let seen = Seen {
            media: down(done_without),
            running: true,
            live: true,
            destinations: vec![lost],
            ..Seen::default()
        };
        let found = rules(&seen);
        let of = |code| found.iter().find(|one| one.code == code).unwrap();
        let server = of(Condition::MediaServerDown);
        assert_eq!(server.severity, severity);
        assert_eq!(server.message.contains("without it"), done_without);
        let roots = &of(Condition::DestinationDown).roots;
        assert_eq!(roots.contains(&media_root()), !done_without);
        assert!(roots.contains(&Key::whole(Condition::NetworkDown)));
    }
}
