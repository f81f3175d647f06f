"""Descriptions of twenty families of tasks; within a family they differ in wording and objects."""

from itertools import product
from random import Random

TEXTS = 60
"""Descriptions made of each family."""

_TEMPLATES = {
    "flaky tests": (
        "Make the flaky {x} tests of {y} deterministic",
        "The tests for {x} in {y} are flaky: they fail now and then in CI, find the race",
        "Stop retrying the flaky {x} tests in {y} and fix why they fail",
    ),
    "sql": (
        "Speed up the slow SQL query for {x} in {y}",
        "Add an index for the slow SQL queries on {x} of {y}",
        "The query that lists {x} in {y} is slow; look at its SQL plan",
    ),
    "login": (
        "Fix the login of users without {x} when the session of {y} expires",
        "Users are logged out of {y} when they open {x}, the login session expires too early",
        "The login session of {y} is lost after a visit to {x}",
    ),
    "docs": (
        "Write documentation for {x} in {y}, with an example",
        "The documentation of {x} in {y} is outdated; rewrite its examples",
        "Document how newcomers use {x} in {y}, with examples",
    ),
    "docker": (
        "Shrink the Docker image of {y}, which includes {x}",
        "Cache the Docker layer with {x} when the image of {y} is built",
        "The Docker build of the {y} image fails since {x} was added",
    ),
    "translation": (
        "Translate the page about {x} in {y} to German and French",
        "German and French translations of {x} are missing in {y}",
        "Extract the texts about {x} in {y} for translation to French",
    ),
    "csv": (
        "Export {x} from {y} as a CSV file with a header line",
        "The CSV export of {x} in {y} breaks on quoted lines",
        "Stream the CSV file of {x} that {y} exports",
    ),
    "dates": (
        "Dates of {x} in {y} are off by one day in other time zones",
        "Daylight saving time shifts the dates of {x} in {y} by an hour",
        "Convert the time zone of dates of {x} in {y}",
    ),
    "payments": (
        "Refund the credit card payment for {x} when {y} cancels them",
        "Credit cards are charged twice for {x} if the payment in {y} times out",
        "The payment of {x} by credit card is declined in {y}",
    ),
    "layout": (
        "Fix the CSS layout of {x} on small screens in {y}",
        "The layout of the button for {x} overflows on small screens of {y}, a matter of CSS",
        "Make the CSS layout of {x} responsive on mobile screens in {y}",
    ),
    "types": (
        "Add type annotations for {x} in {y} and make mypy pass",
        "mypy reports missing type annotations in the module for {x} of {y}",
        "Replace Any by precise type annotations for {x} in {y}, checked by mypy",
    ),
    "kubernetes": (
        "Roll out {y} on Kubernetes with a readiness probe for {x}",
        "Kubernetes evicts pods of {y} when they process {x}; set limits",
        "Configure the Kubernetes replicas of {y} for {x} in its Helm chart",
    ),
    "e-mail": (
        "Send an e-mail about {x} when {y} has finished",
        "E-mails about {x} that {y} sends land in the spam folder",
        "The unsubscribe link in e-mails about {x} from {y} leads nowhere",
    ),
    "search": (
        "Full-text search for {x} in {y} ranks stale results first",
        "The search box of {y} should find {x} despite typos, with better ranked results",
        "Improve the ranking of search results for {x} in {y}",
    ),
    "upgrade": (
        "Upgrade the dependency for {x} in {y} to its next major version",
        "A dependency of {y} for {x} is deprecated; upgrade it to the new version",
        "The upgrade of {y} to the new major version breaks its {x} dependency",
    ),
    "encryption": (
        "Rotate the keys that encrypt {x} in {y}",
        "Encrypt {x} of {y} at rest with a key per customer",
        "The encryption keys for {x} in {y} are too short",
    ),
    "threads": (
        "Two threads deadlock over the lock for {x} in {y}",
        "Avoid the deadlock of worker threads that share {x} in {y}",
        "A thread of {y} holds the lock for {x} too long and causes a deadlock",
    ),
    "memory": (
        "The process of {y} leaks memory with all its {x}",
        "Find the memory leak in {y} when it caches {x}",
        "Memory of {y} grows without bounds while it holds {x}, probably a leak",
    ),
    "charts": (
        "Draw a chart of {x} per month on the dashboard of {y}",
        "The axis labels of the {x} chart on the dashboard of {y} overlap",
        "Colours of the dashboard chart of {x} in {y} for colour-blind people",
    ),
    "schema": (
        "Migrate the database schema for {x} in {y} without downtime",
        "The schema migration of {x} in {y} failed; roll back the database",
        "Write a database migration that adds a column to the schema of {x} in {y}",
    ),
}
_THINGS = ("orders", "invoices", "avatars", "comments", "sensors", "bookings", "playlists")
_PLACES = ("the web shop", "the admin tool", "the mobile app", "the public API", "the scheduler")

FAMILIES = tuple(_TEMPLATES)


def descriptions(seed: int) -> list[list[str]]:
    """`TEXTS` different descriptions of each of `FAMILIES`, chosen by the seed."""
    rng = Random(seed)
    chosen = []
    for templates in _TEMPLATES.values():
        every = [t.format(x=x, y=y) for t, x, y in product(templates, _THINGS, _PLACES)]
        chosen.append(rng.sample(every, TEXTS))
    return chosen
