//! The schemas and the AsyncAPI document, made from the types. They are stored under `protocol/schemas`,
//! where a test holds them against this code.

use crate::command::CommandType;
use crate::error::Code;
use crate::hello::{Hello, Welcome};
use crate::kind::{Kind, Signer};
use crate::message::{CommandMessage, Message};
use crate::report::{Ack, Event, Metrics, Progress, Receipt};
use crate::topic::Carried;
use crate::trust::{Keyset, RootRecord};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

const BASE: &str = "https://schemas.vistter.example/v1/";

/// Every document with its path below `protocol/schemas`.
#[must_use]
pub fn documents() -> Vec<(String, Value)> {
    let mut documents = vec![
        ("envelope.json".to_owned(), envelope()),
        payload::<CommandMessage>("command"),
        payload::<Message<Ack>>("ack"),
        payload::<Message<Receipt>>("receipt"),
        payload::<Message<Progress>>("progress"),
        payload::<Message<Event>>("event"),
        payload::<Message<Metrics>>("metrics"),
        payload::<Message<Hello>>("hello"),
        payload::<Message<Welcome>>("welcome"),
        payload::<Keyset>("keyset"),
        payload::<RootRecord>("root"),
    ];
    for kind in CommandType::ALL {
        let mut generator = generator();
        let (arguments, reply) = kind.schemas(&mut generator);
        let name = kind.as_str();
        let body = json!({
            "title": name,
            "type": "object",
            "properties": { "payload": arguments, "reply": reply },
            "required": ["payload", "reply"],
        });
        let path = format!("commands/{name}.json");
        documents.push((path.clone(), finished(&path, body, &mut generator)));
    }
    documents.push(("codes.json".to_owned(), codes()));
    documents.push(("asyncapi.json".to_owned(), asyncapi()));
    documents
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().into_generator()
}

fn payload<T: JsonSchema>(kind: &str) -> (String, Value) {
    let mut generator = generator();
    let root = generator.root_schema_for::<T>();
    let path = format!("{kind}.json");
    let mut value = root.to_value();
    if let Some(map) = value.as_object_mut() {
        map.insert("$id".to_owned(), json!(format!("{BASE}{path}")));
        map.insert("title".to_owned(), json!(kind));
    }
    (path, value)
}

fn finished(path: &str, mut body: Value, generator: &mut SchemaGenerator) -> Value {
    let definitions = generator.take_definitions(true);
    if let Some(map) = body.as_object_mut() {
        map.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        map.insert("$id".to_owned(), json!(format!("{BASE}{path}")));
        map.insert("$defs".to_owned(), Value::Object(definitions));
    }
    body
}

fn envelope() -> Value {
    let types: Vec<&str> = Kind::ALL.iter().map(|kind| kind.payload_type()).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("{BASE}envelope.json"),
        "title": "envelope",
        "description": "DSSE 1.0, JSON form. At most 262144 bytes.",
        "type": "object",
        "additionalProperties": false,
        "required": ["payload", "payloadType", "signatures"],
        "properties": {
            "payload": { "type": "string", "contentEncoding": "base64" },
            "payloadType": { "type": "string", "enum": types },
            "signatures": {
                "type": "array",
                "minItems": 1,
                "maxItems": crate::envelope::SIGNATURE_LIMIT,
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["keyid", "sig"],
                    "properties": {
                        "keyid": { "type": "string", "pattern": "^[0-9a-f]{16}$" },
                        "sig": {
                            "type": "string", "contentEncoding": "base64",
                            "minLength": 88, "maxLength": 88
                        }
                    }
                }
            }
        }
    })
}

fn codes() -> Value {
    let codes: Vec<Value> = Code::ALL
        .iter()
        .map(|code| {
            json!({
                "code": code.as_str(),
                "retryable": code.retryable(),
                "remediation": code.remediation(),
            })
        })
        .collect();
    json!({ "codes": codes })
}

/// What the device sends, from its own side.
fn is_sent(kind: Kind) -> bool {
    kind.signer() == Signer::Device
}

/// Kinds that cross the channel; manifests are files of packages and updates.
fn crosses(kind: Kind) -> bool {
    !matches!(kind, Kind::SegmentManifest | Kind::UpdateManifest)
}

fn asyncapi() -> Value {
    let mut messages = Map::new();
    let mut channel = Map::new();
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    for kind in Kind::ALL.iter().copied().filter(|kind| crosses(*kind)) {
        let name = kind.as_str();
        messages.insert(
            name.to_owned(),
            json!({
                "name": name,
                "contentType": "application/json",
                "summary": format!("A DSSE envelope whose payload is {}.", kind.payload_type()),
                "payload": { "$ref": "envelope.json" },
                "x-signed-payload": { "$ref": format!("{name}.json") },
                "x-signed-by": signer(kind),
                "x-mqtt": at_broker(kind),
            }),
        );
        channel.insert(
            name.to_owned(),
            json!({ "$ref": format!("#/components/messages/{name}") }),
        );
        let reference = json!({ "$ref": format!("#/channels/device/messages/{name}") });
        if is_sent(kind) {
            sent.push(reference);
        } else {
            received.push(reference);
        }
    }
    let commands: Vec<Value> = CommandType::ALL
        .iter()
        .map(|kind| json!({ "$ref": format!("commands/{}.json", kind.as_str()) }))
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "VistterStream device channel",
            "version": "1.0.0",
            "description": "What a device and Studio say to each other. The device opens the connection; every message is one signed envelope.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "device": {
                "description": "One connection of one device.",
                "messages": channel,
            }
        },
        "operations": {
            "send": { "action": "send", "channel": { "$ref": "#/channels/device" }, "messages": sent },
            "receive": { "action": "receive", "channel": { "$ref": "#/channels/device" }, "messages": received },
        },
        "components": { "messages": messages },
        "x-commands": commands,
    })
}

/// How a message goes where the channel is a broker.
fn at_broker(kind: Kind) -> Value {
    Carried::of(kind).map_or(Value::Null, |carried| {
        json!({
            "topic": format!("vistter/v1/{{tenant_id}}/{{device_id}}/{}", carried.topic),
            "qos": u8::from(carried.kept),
            "retain": carried.retained,
        })
    })
}

fn signer(kind: Kind) -> &'static str {
    use crate::kind::KeyUse;
    match kind.signer() {
        Signer::Device => "the device's key",
        Signer::Root => "as many root keys as the root's threshold says",
        Signer::Key(KeyUse::Command) => "a command key of the keyset",
        Signer::Key(KeyUse::Session) => "a session key of the keyset",
        Signer::Key(KeyUse::Package) => "a package key of the keyset",
        Signer::Key(KeyUse::Update) => "an update key of the keyset",
    }
}
