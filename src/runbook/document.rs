//! The raw shapes of a runbook file, as an author writes them.
//!
//! These types are the one place that says which keys there are: serde reads files with them, and the JSON
//! Schema that editors and the search for misshapen values use is generated from them, so neither can drift.
//! Almost everything is optional here, even what is required: a missing key is one mistake among many to be
//! reported by `lower`, not the end of reading. Doc comments are what an author sees in an editor.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize as DeriveDeserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::{Level, Order, Stage, TriggerMode};
use crate::check::Severity;

/// A value with its byte range in the file.
#[derive(Clone, Debug)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands; of a table under a `[header]`, the header.
    pub span: Range<usize>,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = toml::Spanned::<T>::deserialize(deserializer)?;
        Ok(Self {
            span: spanned.span(),
            value: spanned.into_inner(),
        })
    }
}

/// Hides that a value is located: to an author it is just the value.
macro_rules! schema_of_inner {
    ($name:ident) => {
        impl<T: JsonSchema> JsonSchema for $name<T> {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                format!(concat!(stringify!($name), "_{}"), T::schema_name()).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                Self::shape(generator)
            }
        }
    };
}

impl<T: JsonSchema> Located<T> {
    fn shape(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

schema_of_inner!(Located);

/// A string with its place.
pub type Text = Located<String>;

/// Declares a string type with a notation, so that the schema and the message for a wrong type can show it.
macro_rules! notation {
    ($(#[$doc:meta])* $name:ident, $pattern:literal, $example:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, DeriveDeserialize)]
        #[serde(transparent)]
        pub struct $name(pub Text);

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "examples": [$example] })
            }
        }
    };
}

notation!(
    /// A duration such as `90s` or `1h30m`.
    DurationText,
    r"^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
    "1h30m"
);
notation!(
    /// A time relative to T-0, such as `T-4h`.
    OffsetText,
    r"^T[+-]([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?0?$",
    "T-4h"
);
notation!(
    /// A limit such as `> 1` or `> 1.5 * baseline`.
    LimitText,
    r"^\s*(<|<=|>|>=|==|!=)\s*[^\s].*$",
    "> 1"
);

/// `"tls"` or `["tls", "api"]`; empty when the key isn't there.
#[derive(Clone, Debug)]
pub struct OneOrMany<T>(pub Vec<Located<T>>);

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: JsonSchema> OneOrMany<T> {
    fn shape(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

schema_of_inner!(OneOrMany);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Located::<Amount<T>>::deserialize(deserializer)?;
        Ok(Self(match read.value {
            Amount::One(value) => vec![Located {
                value,
                span: read.span,
            }],
            Amount::Many(values) => values,
        }))
    }
}

enum Amount<T> {
    One(T),
    Many(Vec<Located<T>>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Amount<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AmountVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for AmountVisitor<T> {
            type Value = Amount<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(serde::de::value::StrDeserializer::new(text)).map(Amount::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut sequence: A,
            ) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = sequence.next_element()? {
                    values.push(value);
                }
                Ok(Amount::Many(values))
            }
        }

        deserializer.deserialize_any(AmountVisitor(PhantomData))
    }
}

/// A table whose keys the author names, in the file's order.
#[derive(Clone, Debug)]
pub struct Entries<T>(pub Vec<(Text, T)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: JsonSchema> Entries<T> {
    fn shape(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": value })
    }
}

schema_of_inner!(Entries);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
            type Value = Entries<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

/// A port: a number, or text with a variable in it.
#[derive(Clone, Debug)]
pub enum Port {
    /// Written as a number.
    Number(i64),
    /// Written as a string.
    Text(String),
}

impl JsonSchema for Port {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Port".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "integer", "minimum": 1, "maximum": 65535 }, { "type": "string" }] })
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PortVisitor;

        impl Visitor<'_> for PortVisitor {
            type Value = Port;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port number, or text with a variable")
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Port, E> {
                Ok(Port::Number(number))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Port, E> {
                Ok(Port::Text(text.to_owned()))
            }
        }

        deserializer.deserialize_any(PortVisitor)
    }
}

/// A step: a plain string, or a table when there is more to say.
#[derive(Clone, Debug)]
pub enum StepEntry {
    /// Only a title.
    Plain(String),
    /// A title and more.
    Table(Box<StepTable>),
}

impl JsonSchema for StepEntry {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Step".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<StepTable>();
        json_schema!({
            "description": "A step: a plain string, or a table when there is more to say than its title.",
            "anyOf": [{ "type": "string" }, table],
        })
    }
}

impl<'de> Deserialize<'de> for StepEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StepVisitor;

        impl<'de> Visitor<'de> for StepVisitor {
            type Value = StepEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a table")
            }

            fn visit_str<E: serde::de::Error>(self, title: &str) -> Result<StepEntry, E> {
                Ok(StepEntry::Plain(title.to_owned()))
            }

            fn visit_string<E: serde::de::Error>(self, title: String) -> Result<StepEntry, E> {
                Ok(StepEntry::Plain(title))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<StepEntry, A::Error> {
                StepTable::deserialize(MapAccessDeserializer::new(map))
                    .map(|table| StepEntry::Table(Box::new(table)))
                    .map_err(A::Error::custom)
            }
        }

        deserializer.deserialize_any(StepVisitor)
    }
}

/// A runbook: what an author writes about one kind of launch.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "tminus runbook", rename = "Runbook")]
pub struct Document {
    /// Version of the format: 1.
    #[schemars(required, extend("const" = 1))]
    pub format: Option<Located<i64>>,
    /// Title of the launch. May hold `${NAME}`.
    #[schemars(required)]
    pub title: Option<Text>,
    /// One or two sentences about the launch.
    pub summary: Option<Text>,
    /// What an operator types to confirm a destructive command, e.g. `${ENVIRONMENT}`.
    pub target: Option<Text>,
    /// Who can act: short name = what it stands for. `ic` answers last in a poll.
    pub roles: Option<Located<Entries<Text>>>,
    /// Fields that are asked for when a run starts. Commands see them in their environment; URLs, headers,
    /// queries and texts as `${NAME}`.
    pub vars: Option<Located<Entries<Located<VariableTable>>>>,
    /// When the launch may happen, and how long going back may take.
    pub window: Option<Located<WindowTable>>,
    /// Probes with expectations.
    #[serde(default)]
    pub check: Vec<Located<CheckTable>>,
    /// Numbers sampled over time.
    #[serde(default)]
    pub metric: Vec<Located<MetricTable>>,
    /// Conditions that ask for a rollback.
    #[serde(default)]
    pub trigger: Vec<Located<TriggerTable>>,
    /// The way forward, phase by phase.
    #[serde(default)]
    pub phase: Vec<Located<PhaseTable>>,
    /// The ways back.
    #[serde(default)]
    pub rollback: Vec<Located<RollbackTable>>,
    /// Texts to send while the run goes on.
    #[serde(default)]
    pub message: Vec<Located<MessageTable>>,
    /// Quick commands: in the palette at any time.
    #[serde(default)]
    pub command: Vec<Located<QuickCommandTable>>,
    /// Whom to call.
    #[serde(default)]
    pub contact: Vec<Located<ContactTable>>,
    /// Where to look.
    #[serde(default)]
    pub link: Vec<Located<LinkTable>>,
    /// Recurring lists: what is done again and again after the launch.
    #[serde(default)]
    pub upkeep: Vec<Located<UpkeepTable>>,
    /// Rehearsals.
    #[serde(default)]
    pub drill: Vec<Located<DrillTable>>,
}

/// A variable of the runbook.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Variable")]
pub struct VariableTable {
    /// Label for people; the name unless written.
    pub label: Option<Text>,
    /// Value when none is given. Without it the variable is required.
    pub default: Option<Text>,
    /// Regular expression that a value has to match whole.
    pub pattern: Option<Text>,
    /// Taken from the environment, masked everywhere, never written to disk.
    #[serde(default)]
    pub secret: bool,
}

/// When the launch may happen, and how long going back may take.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Window")]
pub struct WindowTable {
    /// Start, relative to T-0.
    pub opens: Option<OffsetText>,
    /// End, relative to T-0.
    pub closes: Option<OffsetText>,
    /// Within this a rollback has to be done.
    pub rollback_budget: Option<DurationText>,
}

/// A probe with expectations. Exactly one probe key (`http`, `tcp`, `tls`, …) names the kind.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Check")]
pub struct CheckTable {
    /// Name for references; the title's slug unless written.
    pub id: Option<Text>,
    /// What people call it; the id unless written.
    pub title: Option<Text>,
    /// An HTTP request. Sees `status`, `latency`, `header`, `body`, `json`.
    pub http: Option<Located<HttpTable>>,
    /// A TCP connection. `expect = ["refused"]` for a port that must be closed.
    pub tcp: Option<Located<TcpTable>>,
    /// A TLS handshake. Sees `version`, `refuses`, `expires_in`, `trusted`.
    pub tls: Option<Located<TlsTable>>,
    /// A name lookup. Sees `resolves`.
    pub dns: Option<Located<DnsTable>>,
    /// An environment variable of tminus itself; its value is never shown.
    pub env: Option<Located<EnvTable>>,
    /// A file on this machine.
    pub file: Option<Located<FileTable>>,
    /// A command that only reads; its exit code and output are judged.
    pub command: Option<Located<ProbeCommandTable>>,
    /// Alertmanager's firing alerts.
    pub alerts: Option<Located<AlertsTable>>,
    /// The standard gRPC health service.
    pub grpc: Option<Located<GrpcTable>>,
    /// A WebSocket handshake.
    pub websocket: Option<Located<WebSocketTable>>,
    /// What has to hold, all of it, e.g. `status == 200`, `latency < 500ms`, `json .a.b >= 3`.
    #[serde(default)]
    pub expect: OneOrMany<String>,
    /// How often to look; 10s unless written.
    pub every: Option<DurationText>,
    /// How long one look may take, shorter than `every`; 3s unless written.
    pub timeout: Option<DurationText>,
    /// So many failures in a row turn it to fail; 3 unless written, 1 for `env` and `file`.
    #[schemars(range(min = 1, max = 1000))]
    pub fail_after: Option<Located<i64>>,
    /// So many passes in a row turn it back to pass; 2 unless written, 1 for `env` and `file`.
    #[schemars(range(min = 1, max = 1000))]
    pub recover_after: Option<Located<i64>>,
    /// `fail` unless written; with `warn` it warns where it would fail, and stops nothing.
    pub severity: Option<Severity>,
}

/// An HTTP request.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Http")]
pub struct HttpTable {
    /// `http://` or `https://` URL.
    #[schemars(required)]
    pub url: Option<Text>,
    /// Request method; GET unless written.
    pub method: Option<Text>,
    /// Header names and values.
    pub headers: Option<Entries<Text>>,
    /// Request body.
    pub body: Option<Text>,
    /// Whether redirects are followed.
    #[serde(default)]
    pub follow: bool,
    /// How many times in a row to ask; the last answer is judged. For trying a rate limit.
    #[schemars(range(min = 1, max = 1000))]
    pub burst: Option<Located<i64>>,
}

/// A TCP connection.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Tcp")]
pub struct TcpTable {
    /// Host name or address.
    #[schemars(required)]
    pub host: Option<Text>,
    /// Port.
    #[schemars(required)]
    pub port: Option<Located<Port>>,
    /// What to send after connecting.
    pub send: Option<Text>,
}

/// A TLS handshake.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Tls")]
pub struct TlsTable {
    /// Host name, also the name asked for in the handshake.
    #[schemars(required)]
    pub host: Option<Text>,
    /// Port; 443 unless written.
    pub port: Option<Located<Port>>,
}

/// A name lookup.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Dns")]
pub struct DnsTable {
    /// The name to look up.
    #[schemars(required)]
    pub name: Option<Text>,
    /// Record type; A unless written.
    pub record: Option<Text>,
    /// Resolvers to ask; the system's unless written.
    #[serde(default)]
    pub resolvers: OneOrMany<String>,
}

/// An environment variable of tminus itself.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Env")]
pub struct EnvTable {
    /// The variable's name.
    #[schemars(required)]
    pub name: Option<Text>,
}

/// A file on this machine.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "File")]
pub struct FileTable {
    /// Path, relative to the runbook's folder.
    #[schemars(required)]
    pub path: Option<Text>,
}

/// A command that only reads.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ProbeCommand")]
pub struct ProbeCommandTable {
    /// Shell text. Variables reach it through its environment, as `$NAME`.
    #[schemars(required)]
    pub run: Option<Text>,
}

/// Alertmanager's firing alerts.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Alerts")]
pub struct AlertsTable {
    /// Base URL of Alertmanager.
    #[schemars(required)]
    pub url: Option<Text>,
    /// Label matchers, e.g. `severity="page"`.
    #[serde(default)]
    pub matching: OneOrMany<String>,
}

/// The standard gRPC health service.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Grpc")]
pub struct GrpcTable {
    /// `host:port` or URL.
    #[schemars(required)]
    pub url: Option<Text>,
    /// Service name; the server as a whole unless written.
    pub service: Option<Text>,
}

/// A WebSocket handshake.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WebSocket")]
pub struct WebSocketTable {
    /// `ws://` or `wss://` URL; `http` and `https` mean the same.
    #[schemars(required)]
    pub url: Option<Text>,
}

/// A number sampled over time. Exactly one source key (`prometheus`, `scrape`, `json`, `command`) says where from.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Metric")]
pub struct MetricTable {
    /// Name for references; the title's slug unless written.
    pub id: Option<Text>,
    /// What people call it; the id unless written.
    pub title: Option<Text>,
    /// Unit for display; never converted.
    pub unit: Option<Text>,
    /// A query to a Prometheus server.
    pub prometheus: Option<Located<PrometheusTable>>,
    /// A `/metrics` page, computed here.
    pub scrape: Option<Located<ScrapeTable>>,
    /// A number inside a JSON document.
    pub json: Option<Located<JsonTable>>,
    /// A number on a command's standard output.
    pub command: Option<Located<ProbeCommandTable>>,
    /// How often to look; 10s unless written.
    pub every: Option<DurationText>,
    /// How long one look may take, shorter than `every`; 3s unless written.
    pub timeout: Option<DurationText>,
    /// Beyond this it is a warning, e.g. `> 0.5`.
    pub warn: Option<LimitText>,
    /// Beyond this it fails, e.g. `> 1` or `> 1.5 * baseline`.
    pub fail: Option<LimitText>,
    /// How long a breach has to last without a gap before it counts.
    #[serde(rename = "for")]
    pub sustained: Option<DurationText>,
    /// Within this a breach ends, e.g. `< 0.3`.
    pub clear: Option<LimitText>,
    /// A breach relative to the baseline also needs this, e.g. `> 200`.
    pub floor: Option<LimitText>,
    /// Below this many events in the window a ratio is unknown.
    pub min_events: Option<Located<f64>>,
    /// What an empty answer means; unknown unless written.
    pub no_data: Option<Located<f64>>,
    /// How much time before T-0 makes the baseline (its median).
    pub baseline: Option<DurationText>,
}

/// A query to a Prometheus server.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Prometheus")]
pub struct PrometheusTable {
    /// Base URL of the server.
    #[schemars(required)]
    pub url: Option<Text>,
    /// Instant query in PromQL.
    #[schemars(required)]
    pub query: Option<Text>,
}

/// How to get one number from a `/metrics` page: one of `value`, `rate`, `ratio` with `over`, `quantile` with `of`.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Scrape")]
pub struct ScrapeTable {
    /// URL of the page.
    #[schemars(required)]
    pub url: Option<Text>,
    /// The sum of the present values of these series, `name{label="value"}`.
    pub value: Option<Text>,
    /// The increase of a counter per second.
    pub rate: Option<Text>,
    /// The rate of this counter over the rate of the one in `over`.
    pub ratio: Option<Text>,
    /// The counter below the line of `ratio`.
    pub over: Option<Text>,
    /// This quantile (0 to 1) of the histogram in `of`.
    #[schemars(range(min = 0, max = 1))]
    pub quantile: Option<Located<f64>>,
    /// The histogram of `quantile`, without `_bucket`.
    pub of: Option<Text>,
    /// The result is multiplied by this, e.g. 1000 to show seconds as milliseconds.
    pub scale: Option<Located<f64>>,
    /// The time over which rates are taken; 1m unless written.
    pub window: Option<DurationText>,
}

/// A number inside a JSON document.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Json")]
pub struct JsonTable {
    /// URL of the document.
    #[schemars(required)]
    pub url: Option<Text>,
    /// jq path, e.g. `.queue.depth`.
    #[schemars(required)]
    pub path: Option<Text>,
}

/// A condition that asks for a rollback.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Trigger")]
pub struct TriggerTable {
    /// Name for references; the title's slug unless written.
    pub id: Option<Text>,
    /// Title.
    #[schemars(required)]
    pub title: Option<Text>,
    /// Fires when any of these holds: `check ID fails`, `metric ID fails`, `metric ID warns`, each optionally
    /// `for 30m`; or `unresolved for 30m`.
    #[serde(default)]
    pub when: OneOrMany<String>,
    /// Fires when all of these hold together.
    #[serde(default)]
    pub all: OneOrMany<String>,
    /// Fired by an operator, with a reason.
    #[serde(default)]
    pub manual: bool,
    /// The stages in which it is armed; launch and post-launch unless written.
    #[serde(default)]
    pub armed: OneOrMany<Stage>,
    /// How long the operators have to decide.
    pub decide_within: Option<DurationText>,
    /// Ids of the rollbacks it suggests.
    #[serde(default)]
    pub rollback: OneOrMany<String>,
    /// Whether it asks (`confirm`, unless written), tells, or acts.
    pub mode: Option<TriggerMode>,
    /// How long after its rollback it stays quiet.
    pub settle: Option<DurationText>,
}

/// A phase: the checklist's top level.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Phase")]
pub struct PhaseTable {
    /// Name for references; the title's slug unless written.
    pub id: Option<Text>,
    /// Title.
    #[schemars(required)]
    pub title: Option<Text>,
    /// What the phase is for.
    #[schemars(required)]
    pub stage: Option<Stage>,
    /// When it should begin, relative to T-0.
    pub at: Option<OffsetText>,
    /// Its sections.
    #[serde(default)]
    pub section: Vec<Located<SectionTable>>,
}

/// A group of steps, a gate, or a choice of options.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Section")]
pub struct SectionTable {
    /// Name for references; the title's slug unless written.
    pub id: Option<Text>,
    /// Title.
    #[schemars(required)]
    pub title: Option<Text>,
    /// Order of its steps: read-do in launch phases, do-confirm elsewhere, unless written.
    pub order: Option<Order>,
    /// Explanation shown above the steps.
    pub text: Option<Text>,
    /// Whose section it is, for steps that name no role.
    pub role: Option<Text>,
    /// Its steps.
    #[serde(default)]
    pub steps: Vec<Located<StepEntry>>,
    /// A poll and planned hold that stand after the steps.
    pub gate: Option<Located<GateTable>>,
    /// What is chosen among the options, e.g. `platform`.
    pub choose: Option<Text>,
    /// Alternatives, of which one is taken.
    #[serde(default)]
    pub option: Vec<Located<OptionTable>>,
}

/// A planned hold that only a unanimous GO releases.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Gate")]
pub struct GateTable {
    /// What is asked.
    #[schemars(required)]
    pub question: Option<Text>,
    /// Who answers; every role unless written. `ic` answers last.
    #[serde(default)]
    pub roles: OneOrMany<String>,
    /// How long the planned hold may last.
    pub hold: Option<DurationText>,
}

/// One alternative of a section with `choose`.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Option")]
pub struct OptionTable {
    /// Name for references; the title's slug unless written.
    pub id: Option<Text>,
    /// Title.
    #[schemars(required)]
    pub title: Option<Text>,
    /// Its steps; they exist in the run only when this option is chosen.
    #[serde(default)]
    pub steps: Vec<Located<StepEntry>>,
}

/// A step with more to it than a title.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StepTable")]
pub struct StepTable {
    /// Name for references; the title's slug unless written.
    pub id: Option<Text>,
    /// Title.
    #[schemars(required)]
    pub title: Option<Text>,
    /// Shell text to run. Variables reach it through its environment, as `$NAME`.
    pub run: Option<Text>,
    /// The command that reverses it.
    pub undo: Option<Text>,
    /// How much harm the command can do; destructive unless written.
    pub level: Option<Level>,
    /// How long the step usually takes, with a command or without.
    pub takes: Option<DurationText>,
    /// When the command is stopped; never unless written.
    pub timeout: Option<DurationText>,
    /// Whether the command needs a terminal.
    pub tty: Option<Located<bool>>,
    /// Where the command runs, relative to the runbook's folder.
    pub dir: Option<Text>,
    /// A `safe` command that runs by itself when its step becomes current.
    pub auto: Option<Located<bool>>,
    /// Blocks every gate after it until done.
    #[serde(default)]
    pub must: bool,
    /// Never blocks a gate.
    #[serde(default)]
    pub optional: bool,
    /// Reopened by a recycle.
    #[serde(default)]
    pub recheck: bool,
    /// The condition under which it applies; the operator says whether it does.
    #[serde(rename = "if")]
    pub condition: Option<Text>,
    /// Who does it.
    pub role: Option<Text>,
    /// When it is due, relative to T-0.
    pub at: Option<OffsetText>,
    /// The value that it records.
    pub record: Option<Located<RecordTable>>,
    /// Ids of the checks that prove it.
    #[serde(default)]
    pub check: OneOrMany<String>,
    /// Ids of the metrics that prove it.
    #[serde(default)]
    pub metric: OneOrMany<String>,
    /// How long its checks and metrics have to stay in band.
    pub soak: Option<DurationText>,
    /// The role that signs it.
    pub sign: Option<Text>,
    /// Needs the initials of a second person.
    #[serde(default)]
    pub second: bool,
    /// Why it matters, in a sentence.
    pub why: Option<Text>,
    /// Longer explanation, or configuration to read.
    pub text: Option<Text>,
    /// Where to read more.
    pub link: Option<Text>,
    /// Its substeps.
    #[serde(default)]
    pub steps: Vec<Located<StepEntry>>,
}

/// The value that a step records.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Record")]
pub struct RecordTable {
    /// What is measured.
    #[schemars(required)]
    pub label: Option<Text>,
    /// Its unit.
    pub unit: Option<Text>,
    /// What the value has to satisfy, e.g. `< 60`.
    pub want: Option<LimitText>,
}

/// A named procedure that goes back.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rollback")]
pub struct RollbackTable {
    /// Name for references; the title's slug unless written.
    pub id: Option<Text>,
    /// Title.
    #[schemars(required)]
    pub title: Option<Text>,
    /// Only offered when this option was taken.
    pub option: Option<Text>,
    /// Time budget; the window's `rollback_budget` unless written.
    pub within: Option<DurationText>,
    /// What has to be good for it to count as verified: `check ID`, `metric ID`.
    #[serde(default)]
    pub verify: OneOrMany<String>,
    /// How long the verification has to hold.
    pub hold: Option<DurationText>,
    /// Order of its steps; read-do unless written.
    pub order: Option<Order>,
    /// When to take this way.
    pub text: Option<Text>,
    /// May be started by a trigger in mode `auto`.
    #[serde(default)]
    pub auto: bool,
    /// Its steps.
    #[schemars(required)]
    pub steps: Option<Vec<Located<StepEntry>>>,
}

/// A text rendered from the run's state.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Message")]
pub struct MessageTable {
    /// Name for references; the title's slug unless written.
    pub id: Option<Text>,
    /// Title.
    #[schemars(required)]
    pub title: Option<Text>,
    /// How often it is owed.
    pub every: Option<DurationText>,
    /// The text. Besides variables it may hold `${TITLE}`, `${STATE}`, `${T}`, `${L}`, `${SLIP}`, `${UTC}`, `${RUN}`.
    #[schemars(required)]
    pub text: Option<Text>,
    /// Where to post it.
    pub webhook: Option<Text>,
}

/// A command offered in the palette at any time.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Command")]
pub struct QuickCommandTable {
    /// Title.
    #[schemars(required)]
    pub title: Option<Text>,
    /// Shell text. Variables reach it through its environment, as `$NAME`.
    #[schemars(required)]
    pub run: Option<Text>,
    /// The command that reverses it.
    pub undo: Option<Text>,
    /// How much harm it can do; destructive unless written.
    pub level: Option<Level>,
    /// How long it usually takes.
    pub takes: Option<DurationText>,
    /// When it is stopped; never unless written.
    pub timeout: Option<DurationText>,
    /// Whether it needs a terminal.
    pub tty: Option<Located<bool>>,
    /// Where it runs, relative to the runbook's folder.
    pub dir: Option<Text>,
}

/// Whom to call.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Contact")]
pub struct ContactTable {
    /// The role they answer for.
    pub role: Option<Text>,
    /// Their name.
    #[schemars(required)]
    pub name: Option<Text>,
    /// How to reach them.
    #[schemars(required)]
    pub reach: Option<Text>,
}

/// Where to look.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Link")]
pub struct LinkTable {
    /// Title.
    #[schemars(required)]
    pub title: Option<Text>,
    /// URL.
    #[schemars(required)]
    pub url: Option<Text>,
}

/// A recurring list.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Upkeep")]
pub struct UpkeepTable {
    /// Name for references; the title's slug unless written.
    pub id: Option<Text>,
    /// Title.
    #[schemars(required)]
    pub title: Option<Text>,
    /// How often it is due.
    #[schemars(required)]
    pub every: Option<DurationText>,
    /// Its steps.
    #[schemars(required)]
    pub steps: Option<Vec<Located<StepEntry>>>,
}

/// A rehearsal.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Drill")]
pub struct DrillTable {
    /// Name for references; the title's slug unless written.
    pub id: Option<Text>,
    /// Title.
    #[schemars(required)]
    pub title: Option<Text>,
    /// The faults in it.
    #[serde(default)]
    pub inject: Vec<Located<InjectTable>>,
    /// Targets for the score.
    pub targets: Option<Located<TargetsTable>>,
}

/// One fault: a time (`at` or `after`) and a `metric`, a `check` or a `step` with what happens to it.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Inject")]
pub struct InjectTable {
    /// When: `T+40s`, or `rollback+20s` for so long after a rollback was decided.
    pub at: Option<Text>,
    /// `rollback`: as soon as a rollback was decided.
    pub after: Option<Text>,
    /// Id of the metric that moves.
    pub metric: Option<Text>,
    /// Where the metric goes.
    pub to: Option<Located<f64>>,
    /// Over how long it goes there; at once unless written.
    pub over: Option<DurationText>,
    /// Id of the check that changes its verdict.
    pub check: Option<Text>,
    /// The check's new verdict.
    pub is: Option<FaultVerdict>,
    /// Id of the step whose command hangs or fails; its last part is enough where that is unique.
    pub step: Option<Text>,
    /// For how long the step's command hangs.
    pub hangs: Option<DurationText>,
    /// The exit code with which the step's command fails.
    pub exit: Option<Located<i64>>,
}

/// The verdict that an inject gives to a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, DeriveDeserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultVerdict {
    /// The target answers as expected.
    Pass,
    /// The target answers, and the answer is wrong.
    Fail,
    /// We can't look.
    Unknown,
}

/// Targets for the score of a drill.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Targets")]
pub struct TargetsTable {
    /// From inject to noticed.
    pub detect: Option<DurationText>,
    /// From noticed to decided.
    pub decide: Option<DurationText>,
    /// From decided to rolled back.
    pub rollback: Option<DurationText>,
}
