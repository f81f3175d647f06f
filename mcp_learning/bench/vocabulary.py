"""The words that generated tasks are made of: per task type, and shared by all."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """One task type.

    Attributes:
        templates: Descriptions; `{part}`, `{thing}`, `{file}`, `{symptom}` are filled in.
        approaches: Success rate, 0..1, of each approach before tier and complexity count.
        solutions: What worked; the same places are filled in.
        minutes: Median duration of a run.
    """

    templates: tuple[str, ...]
    approaches: dict[str, float]
    solutions: tuple[str, ...]
    minutes: float


FAMILIES = {
    "bug_fix": Family(
        (
            "Fix {part}: {symptom} when {thing} is empty",
            "{symptom} in {part} after the last release, find the cause and fix it",
            "Users report that {part} shows {symptom}; reproduce it and repair {file}",
            "{file} mishandles {thing}, which ends in {symptom}",
            "Stop {part} from losing {thing} when two requests arrive together",
        ),
        {
            "reproduce with a failing test": 0.86,
            "bisect the history": 0.72,
            "add logging and guess": 0.44,
            "rewrite the module": 0.31,
        },
        (
            "A failing test for {thing} showed that {file} read stale state; load it per request.",
            "The guard in {file} tested truthiness; compare {thing} with None instead.",
            "Took a lock around {thing} in {part}; the race is gone under load.",
        ),
        14.0,
    ),
    "feature": Family(
        (
            "Add {thing} to {part}",
            "Let users export {thing} from {part} as CSV",
            "Implement filtering by {thing} in {part}, with paging",
            "Support bulk edits of {thing} through {part}",
            "Build a settings page for {part} that controls {thing}",
        ),
        {
            "vertical slice first": 0.81,
            "schema first": 0.69,
            "copy a similar feature": 0.62,
            "everything at once": 0.29,
        },
        (
            "One thin path through {part} first, then the edge cases of {thing}.",
            "Reused the list view of {part}; {file} only adds the columns for {thing}.",
        ),
        38.0,
    ),
    "refactor": Family(
        (
            "Split {file} into smaller modules without changing behaviour",
            "Move {thing} out of {part} into a package of its own",
            "Replace the inheritance in {file} by plain functions",
            "Remove the duplicated handling of {thing} across {part}",
        ),
        {
            "characterisation tests first": 0.88,
            "automated codemod": 0.74,
            "small commits behind a facade": 0.77,
            "big bang": 0.26,
        },
        (
            "Pinned the behaviour of {part} with tests, then moved {thing} in four commits.",
            "A codemod rewrote the call sites; {file} keeps an alias for one release.",
        ),
        31.0,
    ),
    "code_review": Family(
        (
            "Review the pull request that changes {thing} in {part}",
            "Check the patch to {file} for races and missing error handling",
            "Second opinion on the new {thing} API of {part}",
        ),
        {"checklist by risk": 0.83, "read the diff top down": 0.66, "run it and probe": 0.79},
        (
            "Found an unchecked return in {file}; asked for a test with empty {thing}.",
            "The change to {part} is fine; naming of {thing} was made consistent.",
        ),
        9.0,
    ),
    "test": Family(
        (
            "Write tests for {part}, covering {thing} and its error paths",
            "Make the flaky test of {part} deterministic",
            "Raise coverage of {file} to ninety percent",
            "Add a property-based test for parsing {thing}",
        ),
        {
            "fake clock and seeded data": 0.85,
            "table-driven cases": 0.8,
            "mock everything": 0.42,
            "retry flaky tests": 0.24,
        },
        (
            "Injected the clock into {part}; the flake came from sleeping.",
            "A table of cases in one test covers {thing}, including the empty one.",
        ),
        17.0,
    ),
    "docs": Family(
        (
            "Document {part} for newcomers, with an example that uses {thing}",
            "Update the README section about {thing}",
            "Write a runbook for {symptom} in {part}",
        ),
        {"example first": 0.92, "generate from docstrings": 0.71, "rewrite from scratch": 0.6},
        (
            "Start from a runnable example of {thing}; the reference follows from it.",
            "The runbook names the command that shows {symptom} and the two fixes.",
        ),
        11.0,
    ),
    "performance": Family(
        (
            "{part} is slow with many {thing}: profile it and halve the latency",
            "Reduce memory of {part} while it processes {thing}",
            "The query behind {part} takes seconds, make it use an index on {thing}",
            "Cut the start-up time of {part}",
        ),
        {
            "profile before changing": 0.84,
            "add a cache": 0.55,
            "batch the queries": 0.76,
            "rewrite in another language": 0.19,
        },
        (
            "The profile showed one query per row of {thing}; a join replaced them.",
            "Streaming {thing} through {part} instead of loading all keeps memory flat.",
        ),
        27.0,
    ),
    "security": Family(
        (
            "Validate {thing} in {part} against injection",
            "Upgrade the library behind {part} that has a known vulnerability",
            "Check permissions in {file} before {thing} is returned",
            "Stop {part} from logging private {thing}",
        ),
        {"deny by default": 0.87, "patch the call site": 0.58, "upgrade and run the tests": 0.78},
        (
            "Permissions are checked in one decorator in {file}; all routes of {part} use it.",
            "Parameters are bound, never formatted, wherever {part} reads {thing}.",
        ),
        24.0,
    ),
    "migration": Family(
        (
            "Migrate {thing} of {part} to the new schema without downtime",
            "Move {part} from the old queue to the new one",
            "Port {file} to the async client",
        ),
        {"expand and contract": 0.82, "dual writes": 0.68, "stop the world": 0.47},
        (
            "Added the column, filled {thing} in batches, switched {part}, dropped the old one.",
            "Both clients ran side by side behind a flag in {file} for a week.",
        ),
        46.0,
    ),
    "deployment": Family(
        (
            "The deployment of {part} fails with {symptom}, get it out again",
            "Roll {part} out gradually with a switch for {thing}",
            "Make the container image of {part} smaller",
        ),
        {"canary first": 0.86, "roll back then debug": 0.81, "hotfix in production": 0.33},
        (
            "A canary with one percent of {thing} showed {symptom} early; the limit was raised.",
            "A multi-stage build leaves the compilers out of the image of {part}.",
        ),
        19.0,
    ),
}

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

ERRORS = {
    "timeout": ("no answer from {part} within 30 s", "{file}: deadline exceeded"),
    "quality_gate": ("coverage of {file} fell below the limit", "linter: 3 errors in {file}"),
    "crash": ("{file}: index out of range", "worker of {part} exited with status 139"),
    "validation": ("{thing}: value is required", "schema mismatch in {file}"),
    "unknown": ("it still shows {symptom}", "no change in behaviour of {part}"),
}

TIERS = {"haiku": (-0.12, 0.6, 0.02), "sonnet": (0.0, 1.0, 0.09), "opus": (0.08, 1.3, 0.4)}
"""Per model tier: added success rate, duration factor, dollars a minute."""

POOLS = ("on_demand", "warm", "spot")
TOPOLOGIES = ("single", "star", "mesh", "hierarchical")
