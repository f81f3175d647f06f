"""Words, failures and model tiers that generated executions of every task type share."""

from typing import NamedTuple


class FailureTemplate(NamedTuple):
    """An error, and what fixes it when the task is retried.

    Attributes:
        message: The error message; `{part}`, `{thing}`, `{file}` and `{symptom}` are filled in.
        fix: The solution summary of the successful retry; the same fields are filled in.
    """

    message: str
    fix: str


PARTS = (
    "the login flow", "the billing service", "the search page", "the report scheduler",
    "the import pipeline", "the mobile sync", "the notification worker", "the admin dashboard",
    "the checkout", "the file uploader", "the audit trail", "the rate limiter",
    "the inventory service", "the recommendation feed", "the webhook receiver", "the calendar view",
    "the chat gateway", "the image resizer", "the PDF renderer", "the session store",
    "the event bus", "the feature flags", "the metrics collector", "the address book",
    "the translation cache", "the backup job", "the permission system", "the plugin loader",
    "the command line client", "the data warehouse loader",
)  # fmt: skip

THINGS = (
    "invoices", "time zones", "attachments", "user profiles", "unicode names", "refund requests",
    "tax rates", "draft orders", "deleted accounts", "shared folders", "API keys of partners",
    "nested comments", "large uploads", "saved searches", "email templates", "retry counters",
    "currency amounts", "group memberships", "expired sessions", "product variants",
    "audit entries", "geo coordinates", "daily totals", "message threads", "feature toggles",
    "delivery slots", "price lists", "webhook signatures", "search facets", "license seats",
)  # fmt: skip

SYMPTOMS = (
    "a timeout after thirty seconds", "duplicate rows", "a redirect loop", "stale results",
    "an off-by-one date", "a deadlock", "garbled characters", "a memory leak", "a blank page",
    "rounding errors", "a permission denied error", "out-of-order events", "a crash on start-up",
    "missing rows", "an endless spinner",
)  # fmt: skip

FOLDERS = ("core", "api", "workers", "web", "billing", "sync", "store", "auth", "jobs", "reports")
MODULES = (
    "handlers", "session", "scheduler", "parser", "client", "models", "cache", "router", "export",
    "validators", "tasks", "queries", "signals", "uploads", "tokens", "ledger", "pricing", "views",
)  # fmt: skip
SUFFIXES = (".py", ".ts", ".go", ".rs", ".java")

REPOS = (
    "acme/storefront", "acme/billing", "acme/platform", "northwind/crm", "northwind/mobile",
    "globex/pipeline", "globex/dashboard", "initech/reports", "initech/gateway", "umbra/search",
    "hooli/chat", "tyrell/vision",
)  # fmt: skip

CONTEXTS = (
    "It started with the upgrade of the framework two weeks ago and only shows under load.",
    "Keep the public interface as it is, other teams depend on it.",
    "There is a related discussion in the tracker; the customer waits for an answer by Friday.",
    "The existing tests pass, so whatever is wrong here isn't covered by them.",
    "Please touch as few files as possible and explain the trade-offs in the commit message.",
    "A first attempt last month was rolled back because it broke the nightly job.",
    "The staging environment shows the same behaviour, which makes it easy to try things out.",
    "Mind that the data of older customers has another shape than that of new ones.",
)

FAILURES = {
    "timeout": (
        FailureTemplate(
            "no answer from {part} within 30 s",
            "Asked {part} for {thing} in pages of 200; each page answers in time.",
        ),
        FailureTemplate(
            "{file}: deadline exceeded",
            "Passed the caller's deadline down to {file} and stopped its retries at half of it.",
        ),
    ),
    "quality_gate": (
        FailureTemplate(
            "coverage of {file} fell below the limit",
            "Covered the error paths of {file} first; the gate passes without an exception.",
        ),
        FailureTemplate(
            "linter: 3 errors in {file}",
            "Ran the formatter and removed the unused imports of {file} before the commit.",
        ),
    ),
    "crash": (
        FailureTemplate(
            "{file}: index out of range",
            "{file} now returns early when there are no {thing}.",
        ),
        FailureTemplate(
            "worker of {part} exited with status 139",
            "Pinned the native library that {part} loads to the version before; no more crashes.",
        ),
    ),
    "validation": (
        FailureTemplate(
            "{thing}: value is required",
            "Gave {thing} a default in the schema and filled the old rows with it.",
        ),
        FailureTemplate(
            "schema mismatch in {file}",
            "Generated the types of {file} from the schema again and fixed the callers of {part}.",
        ),
    ),
    "unknown": (
        FailureTemplate(
            "it still shows {symptom}",
            "{symptom} came from a stale build of {part}; its cache was cleared.",
        ),
        FailureTemplate(
            "no change in behaviour of {part}",
            "The change was behind a flag; turned it on for {part} and tested with {thing}.",
        ),
    ),
}
"""By error type: the errors of failed executions."""

TIERS = {"haiku": (-0.12, 0.6, 0.02), "sonnet": (0.0, 1.0, 0.09), "opus": (0.08, 1.3, 0.4)}
"""Per model tier: added success rate, duration factor, dollars a minute."""

POOLS = ("on_demand", "warm", "spot")
TOPOLOGIES = ("single", "star", "mesh", "hierarchical")
