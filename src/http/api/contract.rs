//! In: the API's operations, each declared once. Out: the routes, and the description of them in OpenAPI 3.1. Never: one
//! without the other.

use std::sync::Arc;

use axum::Router;
use axum::routing::MethodRouter;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::super::routes::App;

/// One operation: where it is, what it takes, what it answers.
pub(super) struct Operation {
    method: &'static str,
    path: &'static str,
    handler: MethodRouter<Arc<App>>,
    summary: &'static str,
    query: Option<Value>,
    body: Option<(Value, bool)>,
    status: u16,
    media: &'static str,
    fields: &'static [&'static str],
    refusals: Vec<u16>,
    open: bool,
}

/// What every answer to a request with the token can be instead.
const ALWAYS: [u16; 2] = [401, 503];
/// What a body can be refused with.
const BODY_REFUSALS: [u16; 4] = [400, 408, 413, 422];

impl Operation {
    /// An operation that answers 200 with a JSON object.
    pub(super) fn new(
        method: &'static str,
        path: &'static str,
        handler: MethodRouter<Arc<App>>,
        summary: &'static str,
    ) -> Self {
        let mut refusals = ALWAYS.to_vec();
        if path.contains('{') {
            refusals.extend([400, 404]);
        }
        if method != "GET" {
            // 409: not in a state for it, or the key is in use; 422: the key was used for something else.
            refusals.extend([400, 404, 409, 413, 422]);
        }
        Self {
            method,
            path,
            handler,
            summary,
            query: None,
            body: None,
            status: 200,
            media: "application/json",
            fields: &[],
            refusals,
            open: false,
        }
    }

    /// Takes these query parameters.
    pub(super) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(schema_of::<T>());
        self.refusals.extend([400, 404]);
        self
    }

    /// Takes this as a JSON body.
    pub(super) fn body<T: JsonSchema>(self) -> Self {
        self.body_of(schema_of::<T>(), true)
    }

    /// Takes any JSON object as a body, or none.
    pub(super) fn any_object(self) -> Self {
        self.body_of(json!({ "type": "object" }), false)
    }

    fn body_of(mut self, schema: Value, required: bool) -> Self {
        self.body = Some((schema, required));
        self.refusals.extend(BODY_REFUSALS);
        self
    }

    /// Answers an object that has these fields.
    pub(super) fn gives(mut self, fields: &'static [&'static str]) -> Self {
        self.fields = fields;
        self
    }

    /// Answers with another status than 200.
    pub(super) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Answers something else than JSON.
    pub(super) fn media(mut self, media: &'static str) -> Self {
        self.media = media;
        self
    }

    /// Can also be refused so.
    pub(super) fn refuses(mut self, status: u16) -> Self {
        self.refusals.push(status);
        self
    }

    /// Wants no token.
    pub(super) fn open(mut self) -> Self {
        self.open = true;
        self.refusals.clear();
        self
    }

    fn described(&self) -> Value {
        let mut described = json!({
            "operationId": self.id(),
            "summary": self.summary,
            "responses": self.responses(),
        });
        if self.open {
            described["security"] = json!([]);
        }
        let parameters = self.parameters();
        if !parameters.is_empty() {
            described["parameters"] = parameters.into();
        }
        if let Some((schema, required)) = &self.body {
            described["requestBody"] =
                json!({ "required": required, "content": { "application/json": { "schema": schema } } });
        }
        described
    }

    /// `get_events_id_explain` of `GET /events/{id}/explain`.
    fn id(&self) -> String {
        let words = self.path.split(['/', '{', '}']).filter(|word| !word.is_empty());
        std::iter::once(self.method.to_lowercase())
            .chain(words.map(|word| word.replace(['.', '-'], "_")))
            .collect::<Vec<_>>()
            .join("_")
    }

    fn parameters(&self) -> Vec<Value> {
        let segments = self.path.split('/');
        let mut parameters: Vec<Value> = segments
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| {
                json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } })
            })
            .collect();
        let schema = self.query.clone().unwrap_or_default();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            let mut schema = schema.clone();
            let description = schema
                .as_object_mut()
                .and_then(|schema| schema.remove("description"));
            let mut parameter = json!({
                "name": name, "in": "query", "required": required.contains(&json!(name)), "schema": never_null(schema),
            });
            if let Some(description) = description {
                parameter["description"] = description;
            }
            parameters.push(parameter);
        }
        if self.method == "POST" {
            parameters.push(json!({ "$ref": "#/components/parameters/IdempotencyKey" }));
        }
        parameters
    }

    fn responses(&self) -> Value {
        let mut schema = json!({ "type": "object" });
        if !self.fields.is_empty() {
            schema["required"] = json!(self.fields);
        }
        let content = match self.media {
            "application/json" => json!({ self.media: { "schema": schema } }),
            other => json!({ other: { "schema": { "type": "string" } } }),
        };
        let mut responses = Map::new();
        responses.insert(
            self.status.to_string(),
            json!({ "description": "It is so.", "content": content }),
        );
        let mut refusals = self.refusals.clone();
        refusals.sort_unstable();
        refusals.dedup();
        for status in refusals {
            responses.insert(
                status.to_string(),
                json!({ "$ref": format!("#/components/responses/{status}") }),
            );
        }
        responses.into()
    }
}

/// The operations as routes, below the API's root.
pub(super) fn routes(operations: Vec<Operation>) -> Router<Arc<App>> {
    operations.into_iter().fold(Router::new(), |router, operation| {
        router.route(operation.path, operation.handler)
    })
}

/// The operations in OpenAPI 3.1.
pub(super) fn description(operations: &[Operation]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_lowercase()] = operation.described();
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "xmrt",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What came in, what was decided, what was done; and a person's word on it. Lists are pages: \
                            `next_cursor` of one is `cursor` of the next. Errors are RFC 9457 problems, whose `type` ends with a \
                            short name that does not change. Every answer carries `X-Request-Id`.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": super::ROOT }],
        "security": [{ "bearer": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer", "description": "XMRT_ADMIN_TOKEN" } },
            "parameters": { "IdempotencyKey": {
                "name": "Idempotency-Key", "in": "header", "required": false,
                "description": "Names a wish: sent again within a day, with the same body, it is answered as before and nothing is \
                                done a second time.",
                "schema": { "type": "string", "minLength": 1, "maxLength": super::idempotency::KEY_CHARS_MAX, "pattern": "^[!-~]+$" },
            } },
            "schemas": { "Problem": problem() },
            "responses": refusals(),
        },
    })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string", "pattern": "^urn:xmrt:problem:[a-z0-9-]+$" },
            "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "What is wrong here, and what to do" },
        },
    })
}

fn refusals() -> Value {
    let content =
        json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    let refusals = [
        (400, "The request is malformed; `detail` says where."),
        (401, "The bearer token is missing or wrong."),
        (403, "Somebody else has to say this."),
        (404, "There is no such thing."),
        (408, "The body did not arrive in time."),
        (
            409,
            "Not as things are: the state is another one, or the key is in use.",
        ),
        (413, "The body is larger than 1 MiB."),
        (
            422,
            "It was understood and cannot be done; or the key was used for another request.",
        ),
        (503, "The journal does not answer at the moment."),
    ];
    let refusals = refusals.iter().map(|(status, description)| {
        let refusal = json!({ "description": description, "content": content });
        (status.to_string(), refusal)
    });
    refusals.collect::<Map<_, _>>().into()
}

/// The schema of a type, complete in itself.
fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let mut schema = SchemaGenerator::new(settings)
        .into_root_schema_for::<T>()
        .to_value();
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("title");
    }
    schema
}

/// A query's parameter is there or not; it is never `null`.
fn never_null(mut schema: Value) -> Value {
    if let Some(kinds) = schema["type"].as_array() {
        let kind = kinds.iter().find(|kind| *kind != "null").cloned();
        schema["type"] = kind.unwrap_or_default();
    }
    schema
}
