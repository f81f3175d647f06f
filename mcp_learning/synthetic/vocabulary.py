"""The words that generated tasks are made of: per task type, and shared by all."""

from dataclasses import dataclass
from typing import NamedTuple


class Approach(NamedTuple):
    """A way to do the tasks of a family.

    Attributes:
        rate: Success rate, 0..1, before tier and complexity count.
        pace: Factor of duration and cost.
        later: The rate after the moment of drift; None: it stays as it was.
    """

    rate: float
    pace: float
    later: float | None = None


class Failure(NamedTuple):
    """How a run fails, and what a later run of the same task does about it.

    Attributes:
        message: The error; places are filled in.
        fix: The solution that succeeds after it; places are filled in.
    """

    message: str
    fix: str


@dataclass(frozen=True)
class Family:
    """One task type.

    Attributes:
        templates: Descriptions; `{part}`, `{thing}`, `{file}`, `{symptom}` are filled in.
        approaches: By label; no two families share one.
        solutions: What worked; the same places are filled in.
        minutes: Median duration of a run.
    """

    templates: tuple[str, ...]
    approaches: dict[str, Approach]
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
            "reproduce with a failing test": Approach(0.86, 1.1),
            "bisect the history": Approach(0.72, 0.8, later=0.45),
            "add logging and guess": Approach(0.44, 1.6),
            "rewrite the module": Approach(0.31, 3.0),
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
            "vertical slice first": Approach(0.81, 1.0),
            "schema first": Approach(0.69, 1.3),
            "copy a similar feature": Approach(0.62, 0.6, later=0.84),
            "everything at once": Approach(0.29, 2.2),
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
            "characterisation tests first": Approach(0.88, 1.4),
            "automated codemod": Approach(0.74, 0.4, later=0.9),
            "small commits behind a facade": Approach(0.77, 1.1),
            "big bang": Approach(0.26, 1.8),
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
        {
            "checklist by risk": Approach(0.83, 1.0),
            "read the diff top down": Approach(0.66, 0.7),
            "run it and probe": Approach(0.79, 1.5),
        },
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
            "fake clock and seeded data": Approach(0.85, 1.2),
            "table-driven cases": Approach(0.8, 0.7),
            "mock everything": Approach(0.42, 1.0),
            "retry flaky tests": Approach(0.24, 0.3),
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
        {
            "example first": Approach(0.92, 1.0),
            "generate from docstrings": Approach(0.71, 0.3),
            "rewrite from scratch": Approach(0.6, 2.4),
        },
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
            "profile before changing": Approach(0.84, 1.2),
            "add a cache": Approach(0.55, 0.6, later=0.3),
            "batch the queries": Approach(0.76, 0.9),
            "rewrite in another language": Approach(0.19, 4.0),
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
        {
            "deny by default": Approach(0.87, 1.0),
            "patch the call site": Approach(0.58, 0.5),
            "upgrade and run the tests": Approach(0.78, 0.8, later=0.5),
        },
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
        {
            "expand and contract": Approach(0.82, 1.3),
            "dual writes": Approach(0.68, 1.6),
            "stop the world": Approach(0.47, 0.6),
        },
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
        {
            "canary first": Approach(0.86, 1.2),
            "roll back then debug": Approach(0.81, 1.0),
            "hotfix in production": Approach(0.33, 0.4),
        },
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

FAILURES = {
    "timeout": (
        Failure(
            "no answer from {part} within 30 s",
            "Asked {part} for {thing} in pages of 200; each page answers in time.",
        ),
        Failure(
            "{file}: deadline exceeded",
            "Passed the caller's deadline down to {file} and stopped its retries at half of it.",
        ),
    ),
    "quality_gate": (
        Failure(
            "coverage of {file} fell below the limit",
            "Covered the error paths of {file} first; the gate passes without an exception.",
        ),
        Failure(
            "linter: 3 errors in {file}",
            "Ran the formatter and removed the unused imports of {file} before the commit.",
        ),
    ),
    "crash": (
        Failure(
            "{file}: index out of range",
            "{file} now returns early when there are no {thing}.",
        ),
        Failure(
            "worker of {part} exited with status 139",
            "Pinned the native library that {part} loads to the version before; no more crashes.",
        ),
    ),
    "validation": (
        Failure(
            "{thing}: value is required",
            "Gave {thing} a default in the schema and filled the old rows with it.",
        ),
        Failure(
            "schema mismatch in {file}",
            "Generated the types of {file} from the schema again and fixed the callers of {part}.",
        ),
    ),
    "unknown": (
        Failure(
            "it still shows {symptom}",
            "{symptom} came from a stale build of {part}; its cache was cleared.",
        ),
        Failure(
            "no change in behaviour of {part}",
            "The change was behind a flag; turned it on for {part} and tested with {thing}.",
        ),
    ),
}
"""By error type: how runs of any family fail."""

TIERS = {"haiku": (-0.12, 0.6, 0.02), "sonnet": (0.0, 1.0, 0.09), "opus": (0.08, 1.3, 0.4)}
"""Per model tier: added success rate, duration factor, dollars a minute."""

POOLS = ("on_demand", "warm", "spot")
TOPOLOGIES = ("single", "star", "mesh", "hierarchical")
