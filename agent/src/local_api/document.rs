//! The API document (OpenAPI 3.1), made of the routes themselves.
//!
//! Owns its head, its tags, and what every operation shares: the refusals that the guards give. The
//! routes own the rest.

use super::error::ErrorBody;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, OpenApi, PathItem, Ref, Response, ResponseBuilder};
use utoipa::{OpenApi as _, ToSchema as _};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Vistter agent",
        description = "Runs a show on the device: cameras in, one program out. Answers on loopback \
            only. Every refusal has the same shape, with a code of a closed list and what to do.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "preview", description = "The program: preview, go live, stop."),
        (name = "cameras", description = "Where pictures come from."),
        (name = "destinations", description = "Where the program is sent."),
        (name = "timelines", description = "Saved shows."),
        (name = "timeline execution", description = "The show that runs."),
        (name = "overlays", description = "Graphics over the program."),
        (name = "streams", description = "Cameras sent straight to a destination."),
        (name = "settings", description = "What can change while the agent runs."),
        (name = "catalogue", description = "What the agent offers."),
        (name = "emergency", description = "Stop everything."),
        (name = "link", description = "The link to Studio."),
        (name = "alerts", description = "What the operator is told, and who else is."),
        (name = "system", description = "Health, counters, events, this document."),
        (name = "media", description = "The picture, under the page's own address."),
    ),
    components(schemas(ErrorBody)),
)]
struct Head;

/// The whole API document.
#[must_use]
pub fn document() -> OpenApi {
    let mut document = super::routes().into_openapi();
    let head = Head::openapi();
    let routed = std::mem::replace(&mut document, head);
    document.merge(routed);
    let paths = std::mem::take(&mut document.paths.paths);
    for (path, mut item) in paths {
        for operation in operations(&mut item) {
            share(operation);
        }
        // The router marks the rest of an address by a star, the document does not.
        document.paths.paths.insert(path.replace("{*", "{"), item);
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
        &mut item.options,
        &mut item.head,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}

fn share(operation: &mut Operation) {
    let has_body = operation.request_body.is_some();
    let responses = &mut operation.responses.responses;
    let mut add = |status: &str, description: &str| {
        responses
            .entry(status.to_owned())
            .or_insert_with(|| refusal(description).into());
    };
    add("403", "UNAUTHORIZED: another host name or another site");
    add("500", "INTERNAL");
    if has_body {
        add("400", "MALFORMED");
        add("413", "TOO_LARGE");
        add("422", "SCHEMA_INVALID");
    }
}

fn refusal(description: &str) -> Response {
    let schema = Ref::from_schema_name(ErrorBody::name());
    ResponseBuilder::new()
        .description(description)
        .content("application/json", Content::new(Some(schema)))
        .build()
}
