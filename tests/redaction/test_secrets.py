"""Secrets leave, ordinary text stays.

The samples are put together at run time, so that no scanner takes this file for a leak.
"""

import random
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcp_learning.redaction.secrets import JSON, redact, redact_value

_RANDOM = random.Random(7)


def _some(alphabet: str, length: int) -> str:
    return "a1B2"[:length] + "".join(_RANDOM.choices(alphabet, k=length - 4))


def alnum(length: int) -> str:
    return _some(string.ascii_letters + string.digits, length)


def hexed(length: int) -> str:
    return "".join(_RANDOM.choices("0123456789abcdef", k=length))


def upper(length: int) -> str:
    return "".join(_RANDOM.choices(string.ascii_uppercase + string.digits, k=length))


JWT = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0." + alnum(43)
BODY = [alnum(64) for _ in range(4)] + [alnum(22) + "=="]

# A token is a secret wherever it stands.
TOKENS = [
    ("anthropic-key", "sk-ant-" + "api03-" + alnum(80) + "-AA"),
    ("openai-key", "sk-proj-" + alnum(60) + "T3BlbkFJ" + alnum(40)),
    ("openai-key", "sk-svcacct-" + alnum(60)),
    ("api-key", "sk-" + alnum(20) + "T3BlbkFJ" + alnum(20)),
    ("api-key", "sk-or-v1-" + hexed(64)),
    ("api-key", "gsk_" + alnum(52)),
    ("google-key", "AIza" + "Sy" + alnum(33)),
    ("google-key", "ya29." + "a0" + alnum(60)),
    ("google-key", "GOCSPX-" + alnum(28)),
    ("hugging-face-token", "hf_" + alnum(34)),
    ("github-token", "ghp_" + "a1B2" * 9),
    ("github-token", "ghs_" + alnum(80)),
    ("github-token", "github_pat_" + alnum(22) + "_" + alnum(59)),
    ("gitlab-token", "glpat-" + alnum(20)),
    ("slack-token", "xoxb-" + "1234567890-1234567890-" + alnum(24)),
    ("slack-token", "xapp-" + "1-A012345-1234567890-" + hexed(64)),
    ("slack-token", "https://hooks.slack.com/" + "services/T0123AB/B0123CD/" + alnum(24)),
    ("aws-access-key", "AKIA" + upper(16)),
    ("aws-access-key", "ASIA" + upper(16)),
    ("stripe-key", "sk_live_" + alnum(24)),
    ("stripe-key", "rk_live_" + alnum(99)),
    ("stripe-key", "sk_test_" + alnum(24)),
    ("stripe-key", "whsec_" + alnum(32)),
    ("api-key", "SK" + hexed(32)),
    ("sendgrid-key", "SG." + alnum(22) + "." + alnum(43)),
    ("npm-token", "npm_" + alnum(36)),
    ("pypi-token", "pypi-AgEIcHlwaS5vcmc" + alnum(100)),
    ("mailchimp-key", hexed(32) + "-us12"),
    ("square-token", "sq0csp-" + alnum(43)),
    ("azure-storage-key", "AccountKey=" + alnum(86) + "=="),
    ("artifactory-key", "AKC" + "p" + alnum(60)),
    ("api-key", "dop_v1_" + hexed(64)),
    ("api-key", "dapi" + hexed(32)),
    ("api-key", "hvs." + alnum(90)),
    ("api-key", "dckr_pat_" + alnum(27)),
    ("discord-token", "MTk4NjIy" + alnum(16) + "." + alnum(6) + "." + alnum(38)),
    ("telegram-token", "123456789:" + "AA" + alnum(33)),
    ("jwt", JWT),
    ("private-key", "AGE-SECRET-KEY-1" + upper(58)),
]


def header(name: str) -> str:
    return "-----BEGIN " + name + "PRIVATE KEY-----"


def footer(name: str) -> str:
    return "-----END " + name + "PRIVATE KEY-----"


# The text, what must be gone from it, and what must be left.
IN_CONTEXT = [
    (header("RSA ") + "\n" + "\n".join(BODY) + "\n" + footer("RSA "), BODY[-1], ""),
    (header("OPENSSH ") + "\r\n" + "\r\n".join(BODY), BODY[-1], ""),
    (
        '"key": "' + header("") + "\\n" + "\\n".join(BODY) + "\\n" + footer("") + '\\n"}',
        BODY[2],
        "}",
    ),
    (header("EC ") + "\\n" + "\\n".join(BODY) + "\\n", BODY[-1], ""),
    (header("EC ") + "\n  " + "\n  ".join(BODY) + "\nthe build failed", BODY[-1], "build failed"),
    ("\n".join(f"  {n}\t{x}" for n, x in enumerate([header(""), *BODY])), BODY[1], ""),
    (header("RSA ") + "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,12\n\n" + BODY[0], BODY[0], ""),
    ("Private-Lines: 2\n" + BODY[0] + "\n" + BODY[1] + "\nPrivate-MAC: 12", BODY[1], "MAC: 12"),
    ("Authorization: Bearer abc12345", "abc12345", "Authorization: Bearer"),
    ("-H 'authorization: Basic dXNlcjpwYXNz'", "dXNlcjpwYXNz", "-H '"),
    ('{"Authorization": "token ' + hexed(40) + '"}', "token a", '"}'),
    ("sent Bearer " + alnum(30), "a1B2", "sent"),
    (
        "postgres://app:s3cret@db:5432/x",
        "s3cret",
        "postgres://app:[redacted:url-password]@db:5432/x",
    ),
    ("mongodb+srv://u:p@ss!word@host/db", "word@", "@host/db"),
    ("redis://:hunter2@localhost", "hunter2", "@localhost"),
    ("amqp://guest:gu#est1@rabbit", "est1", "@rabbit"),
    ("https://x-access-token:abcd@github.com/a/b.git", "abcd@", "@github.com/a/b.git"),
    ("password=hunter2", "hunter2", "password="),
    ("PASSWORD: hunter2", "hunter2", "PASSWORD: "),
    ("export API_KEY=abcdefgh", "abcdefgh", "export API_KEY="),
    ("DB_PASSWORD=correct", "correct", "DB_PASSWORD="),
    ("login --password hunter2 --verbose", "hunter2", " --verbose"),
    ("login --api-key=abcdefgh", "abcdefgh", "login"),
    ('api_key="k9-4f6a"', "k9-4f6a", 'api_key="'),
    ("apiKey: 'zyxwv'", "zyxwv", "apiKey: '"),
    ('{\\"client_secret\\": \\"abc-de\\"}', "abc-de", '\\"}'),
    ('password = "pa\\"zz"', "zz", 'password = "'),
    ('password="hunter2', "hunter2", "password="),
    ("?user=me&token=abcdefgh&x=1", "abcdefgh", "&x=1"),
    ("Server=db;User=sa;Password=Pa55w0rd!;Timeout=3", "Pa55w0rd", ";Timeout=3"),
    ("aws_secret_access_key = /" + alnum(38) + "+", "a1B2", "aws_secret_access_key = "),
    ("id AKIA" + upper(16) + '\naws key: "' + "aB1/" * 10 + '"', "aB1/", "aws key"),
    ('passphrase: "correct horse battery"', "horse", "passphrase"),
    ("Cookie: session=abc; id=12", "abc", "Cookie: "),
    ("Set-Cookie: sid=abc; Path=/; HttpOnly", "abc", "; Path=/; HttpOnly"),
    ("curl -u admin:letmein http://h/", "letmein", "http://h/"),
    ("sshpass -p letmein ssh h", "letmein", "ssh h"),
    ("machine h login me password letmein", "letmein", "login me"),
    ("//registry/:_authToken=abcdefgh", "abcdefgh", "//registry/"),
    ("discord.com/api/webhooks/123456/" + alnum(60), "a1B2", "discord.com/api/webhooks/"),
    ("https://hooks.slack.com/triggers/T01/" + alnum(36), "a1B2", "hooks.slack.com/triggers/"),
    ("https://a.webhook.office.com/webhookb2/" + alnum(36), "a1B2", "webhook.office.com"),
    ("log\\nghp_" + alnum(36), "a1B2", "log"),
    ("\x1b[31mghp_" + alnum(36) + "\x1b[0m", "a1B2", "\x1b[31m"),
    ("\x1b[1;31mhf_" + alnum(34) + "\x1b[0m", "a1B2", "\x1b[0m"),
]

ORDINARY = [
    "",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 fixes it",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "docker.io/library/alpine:3.18@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b",
    "docker://alpine:3.18@sha256:e3b0c44298fc1c149afbf4c8996fb924",
    "task 0190a7c1-7a3b-7c4e-9b1f-2d3c4e5f6a7b done",
    "/usr/lib/python3.11/site-packages/foo_bar/__init__.py:42",
    "C:\\Users\\me\\token.py and ./secret/key.pem",
    "https://example.org:8080/a/b?c=d#e and http://localhost:3000/@me",
    "http://host:8080?next=a@b",
    "ssh://git@github.com:22/a/b, git@github.com:a/b.git, me.you+tag@example.co.uk",
    "sk_buff, task-id, sk-learn, risk-based-assessment-of-the-release, disk-io",
    "ghp_short, hf_hub_download, npm_config_registry, xoxo-hugs, AKIA, SG.foo, dapi, hf_",
    "fw_update_manager_initialize_all, github_pat_variable_name_for_tests, pul-request-of-2024",
    "xoxb-your-token-goes-here, figd_some_very_long_identifier_name, com.dp.pt.example.app",
    "v1.2.3-rc.1+build.5, 0x7fff5fbff8c0, 1.0.0.dev1",
    "the password reset flow is broken",
    "token refresh fails",
    "fix secret rotation",
    "password is required",
    "password: must be at least 8 characters",
    'password: "must be at least 8 characters"',
    "Token: expired at 12:30. Password: incorrect!",
    "use the --password option, or --token from the vault",
    "Bearer token authentication, Basic authentication, Authorization: Bearer <token>",
    "Authorization: Bearer ${TOKEN} and Authorization: Bearer TOKEN",
    "Cookie: consent banner",
    "password: str = Field(...)",
    "password: Annotated[str, Field(min_length=8)]",
    "token: Optional[SecretStr] = None",
    'password=os.environ["PW"]',
    "API_KEY=os.environ['API_KEY']",
    "token = get_token()",
    "token = self._token2.value",
    "client.login(password=password, token=access_token_v2, secret=settings.secret_key)",
    'os.environ["API_KEY"] = api_key',
    "PASSWORD=$PASSWORD TOKEN=${TOKEN} SECRET=$(cat x) API_KEY=<your-key>",
    'headers = {"Authorization": f"Bearer {token}", "x-api-key": f"{key}"}',
    "postgres://user:${PASSWORD}@host/db and postgres://user:{password}@host and ://u:***@h",
    'if token == "(": token = "IDENTIFIER"',
    '{"token": "string", "password": "required", "estimated_tokens": 512, "token_count": 3}',
    'eos_token: "<|endoftext|>", pad_token="[PAD0001]"',
    '"&token="+tok12345+"&x"',
    "secret: /run/secrets/db1, private_key=~/.ssh/id_ed25519, PWD=/home/me/project1",
    '"AWS::Api::ApiKey": "48205d4ffd7feba3", arn:aws:secretsmanager:eu:1:secret:MySecret-a1b2c3',
    'api_key="hf_...", password = "%s:%s" % x, private_key: "_RSAPrivateKey", k: Ed25519PrivateKey',
    'authorization: AsymmetricProperty[x], "nextToken": "a1b2c3d4e5"',
    "API_KEY=your-api-key-here",
    "const password: &str = x; secret::Foo; let token: *const u8",
    "the file must start with " + header("RSA ") + ", then base64",
    "Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\nKeyError: 'token'",
    "for (const token of tokens) { if (token !== prev) emit(token); }",
    "aws s3 cp s3://bucket/key . # AWS_PROFILE=dev",
    "eyJhbGciOi is how a token begins; eyJ.foo.bar",
    "com.example.NotificationServiceProviders.module.someVeryLongIdentifierNameHere",
    "ACCESS DENIED; SKIPPED; BACKEND; 12345678:AA; md5 d41d8cd98f00b204e9800998ecf8427e-user",
    "\udcff\x00\x1b[0m\r\n\ud800 token\x00password",
]

# Hypothesis also draws words from the source of the module under test: those that a secret follows.
_words = st.text(string.ascii_lowercase, min_size=1, max_size=12).filter(
    lambda word: word not in ("bearer", "masterauth", "requirepass")
)
_hex = st.integers(0, 2**256 - 1)
_ordinary = st.one_of(
    _words,
    _hex.map(lambda n: f"{n:064x}"),
    _hex.map(lambda n: f"{n:064x}"[:40]),
    _hex.map(lambda n: f"sha256:{n:064x}"),
    st.uuids().map(str),
    st.lists(_words, min_size=1, max_size=5).map(lambda words: "/" + "/".join(words) + ".py"),
    st.lists(_words, min_size=2, max_size=5).map("-".join),
    st.lists(_words, min_size=2, max_size=5).map("_".join),
    st.sampled_from(["password", "token", "secret", "api_key", "authorization"]),
)
_any_text = st.text(st.characters(codec=None, exclude_categories=()))
_fragments = st.sampled_from(
    [*"\"'\\=:@/-,;& \n", "password", "token=", "--api-key ", "://u:", header(""), footer("")]
    + ["Authorization: Bearer ", "Cookie: a=", "[redacted:", "[redacted:jwt]", "eyJ", "sk-", "T1"]
    + [token for _, token in TOKENS]
)
_noisy = st.lists(st.one_of(_fragments, _any_text), max_size=12).map("".join)
_json: st.SearchStrategy[JSON] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), _noisy),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(_noisy, inner)),
    max_leaves=8,
)


@pytest.mark.parametrize("before", ["token_", "session-", "x", "k=", "'"])
def test_a_jwt_is_removed_whatever_precedes_it(before: str) -> None:
    assert redact(before + JWT) == (f"{before}[redacted:jwt]", 1)


@pytest.mark.parametrize(("kind", "token"), TOKENS)
def test_a_token_is_replaced_by_its_kind_and_counted(kind: str, token: str) -> None:
    assert redact(f"see {token} there") == (f"see [redacted:{kind}] there", 1)


@pytest.mark.parametrize(("text", "secret", "rest"), IN_CONTEXT)
def test_a_secret_known_by_its_context_is_gone_and_the_context_stays(
    text: str, secret: str, rest: str
) -> None:
    clean, removed = redact(text)
    assert secret not in clean
    assert rest in clean
    assert removed >= 1
    assert redact(clean) == (clean, 0)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_survives_byte_for_byte(text: str) -> None:
    assert redact(text) == (text, 0)


def test_every_secret_of_a_text_is_counted() -> None:
    text = " ".join(token for _, token in TOKENS)
    assert redact(text)[1] == len(TOKENS)


def test_a_secret_found_twice_counts_once() -> None:
    token = "ghp_" + alnum(36)
    assert redact(f'GITHUB_TOKEN="{token}"') == ('GITHUB_TOKEN="[redacted:github-token]"', 1)


def test_values_that_stand_for_a_secret_and_hashes_stay_under_any_name() -> None:
    value: JSON = {
        "password": "${DB_PASSWORD}",
        "token": "<your-token>",
        "secret": "********",
        "key": hexed(40),
        "session": "0190a7c1-7a3b-7c4e-9b1f-2d3c4e5f6a7b",
        "labels": ["token", "cache"],
        "args": ["--password", "--verbose"],
    }
    assert redact_value(value) == (value, 0)


def test_keys_that_are_secrets_are_replaced_and_no_member_is_lost() -> None:
    value: JSON = {"ghp_" + alnum(36): 1, "ghp_" + alnum(36): 2}
    clean: JSON = {"[redacted:github-token]": 1, "[redacted:github-token]'": 2}
    assert redact_value(value) == (clean, 2)


@settings(deadline=None)
@given(st.one_of(_any_text, _noisy))
@example("://u:" + "[redacted:url-password]" + "@" * 3)
@example('password="[redacted:password]x1y2z3"')
def test_redacting_again_changes_nothing(text: str) -> None:
    clean, _ = redact(text)
    assert redact(clean) == (clean, 0)


@settings(deadline=None)
@given(_json)
def test_redacting_a_value_again_changes_nothing(value: JSON) -> None:
    clean, _ = redact_value(value)
    assert redact_value(clean) == (clean, 0)


@settings(deadline=None)
@given(st.sampled_from(TOKENS), _noisy, _noisy, st.sampled_from(" \t\n\r"))
def test_a_token_between_whitespace_is_gone_whatever_surrounds_it(
    token: tuple[str, str], before: str, after: str, space: str
) -> None:
    clean, removed = redact(before + space + token[1] + space + after)
    assert space + token[1] + space not in clean
    assert removed >= 1


@settings(deadline=None)
@given(st.lists(_ordinary, max_size=30), st.sampled_from([" ", "\n", ", "]))
def test_words_hashes_uuids_and_paths_survive(words: list[str], separator: str) -> None:
    text = separator.join(words)
    assert redact(text) == (text, 0)
