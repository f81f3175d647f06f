"""Values of maps and lists are secrets by their names, and others stay."""

from mcp_learning.redaction.secrets import JSON, redact_value


def test_a_value_under_the_name_of_a_secret_is_one_whatever_it_looks_like() -> None:
    value: JSON = {
        "password": "x",
        "dbPassword": "a b",
        "X-Api-Key": "plain",
        "authorization": "anything",
        "token": ["one", "two"],
        "key 2 password 2": "x",
        "nested": [{"client_secret": "word"}],
    }
    assert redact_value(value) == (
        {
            "password": "[redacted:password]",
            "dbPassword": "[redacted:password]",
            "X-Api-Key": "[redacted:api-key]",
            "authorization": "[redacted:authorization]",
            "token": ["[redacted:token]", "[redacted:token]"],
            "key 2 password 2": "[redacted:password]",
            "nested": [{"client_secret": "[redacted:secret]"}],
        },
        8,
    )


def test_names_that_only_resemble_those_of_secrets_keep_their_values() -> None:
    value: JSON = {
        "estimated_tokens": 5,
        "token": 5,
        "password": None,
        "secret": True,
        "token_count": "many",
        "password_reset": "broken",
        "eos_token": "</s>",
        "pwd": "/home/me/project",
        "api_key": "",
        "author": "me",
        "key": "value",
    }
    assert redact_value(value) == (value, 0)


def test_values_are_secrets_by_their_map_their_pair_or_the_option_before_them() -> None:
    number = 12345678
    value: JSON = {
        "password": number,
        "secrets": {"smtp": "k7x9-Qw2z", "nested": {"a": "b2c3d4e5"}, "type": "vault"},
        "env": [{"name": "DB_PASSWORD", "value": "x"}, {"name": "PORT", "value": "5432"}],
        "args": ["--user", "me", "--password", "swordfish", "--verbose"],
        "headers": [["X-Api-Key", "k7x9Qw2z"], ["Accept", "text/html"]],
    }
    assert redact_value(value) == (
        {
            "password": "[redacted:password]",
            "secrets": {
                "smtp": "[redacted:secret]",
                "nested": {"a": "[redacted:secret]"},
                "type": "vault",
            },
            "env": [
                {"name": "DB_PASSWORD", "value": "[redacted:password]"},
                {"name": "PORT", "value": "5432"},
            ],
            "args": ["--user", "me", "--password", "[redacted:password]", "--verbose"],
            "headers": [["X-Api-Key", "[redacted:api-key]"], ["Accept", "text/html"]],
        },
        6,
    )


def test_members_that_say_whose_secret_it_is_hold_secrets_and_others_hold_ordinary_words() -> None:
    value: JSON = {
        "secrets": {
            "db": "Tr0ub4-d0r",
            "mail": "swordfish7",
            "user": "k7x9-Qw2z",
            "host": "node17",
        },
        "credentials": {"user": "app_user2", "database": "orders2", "host": "db.internal:5432"},
        "passwords": {"db": {"reader": "b2c3d4e5", "type": "scram"}},
    }
    redacted = "[redacted:secret]"
    assert redact_value(value) == (
        {
            "secrets": {"db": redacted, "mail": redacted, "user": redacted, "host": "node17"},
            "credentials": {"user": "app_user2", "database": "orders2", "host": "db.internal:5432"},
            "passwords": {"db": {"reader": redacted, "type": "scram"}},
        },
        4,
    )
