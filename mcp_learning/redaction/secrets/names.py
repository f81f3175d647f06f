"""Names of variables, options, headers and labels of secrets, in many languages."""

import functools
import re
from typing import NamedTuple

from mcp_learning.redaction.secrets.patterns import pattern


class Meaning(NamedTuple):
    """The meaning of a name.

    Attributes:
        kind: The kind of secret, which the placeholder names.
        sure: 3 if any value is a secret (password), 2 if most are (token, API key), 1 if only
            random ones are (auth, signature, somebody's key).
    """

    kind: str
    sure: int


# Each is compared with the end of a name, whose words are joined by "-".
_SURE = {  # kind: names
    "password": "password passwd passw pswd passwort kennwort contraseña contrasena senha "
    "mot-de-passe motdepasse mdp parola parola-d-ordine пароль пароля 密码 密碼 口令 "
    "パスワード 暗証番号 비밀번호 암호 "
    "heslo hasło haslo lösenord losenord wachtwoord salasana adgangskode passord jelszó jelszo "
    "şifre sifre parolă κωδικός-πρόσβασης κωδικός סיסמה סיסמא كلمة-المرور كلمة-السر "
    "पासवर्ड mật-khẩu mat-khau รหัสผ่าน kata-sandi storepass keypass passcode userpwd dbpwd "
    "psswd pswrd psword psswrd pssword paswd paswrd pasword passwrd "
    "패스워드 비번 パスコード "
    "sshpass db-pass smtp-pass mail-pass ftp-pass mysql-pass pg-pass redis-pass "
    "user-pass root-pass "
    "admin-pass dbpass userpass rootpass login-pass auth-pass sudo-pass become-pass vnc-pass",
    "pwd": "pwd",
    "passphrase": "passphrase pass-phrase psk wpa-psk seed-phrase mnemonic recovery-phrase "
    "recovery-code backup-code totp-secret otp-secret",
}
_LIKELY = {
    "secret": "secret wif secret-key secret-access-key geheimnis secreto segreto segredo "
    "секрет 密钥 密鑰 秘钥 シークレット 秘密鍵 시크릿 비밀키 "
    "clave-secreta clé-secrète chiave-segreta chave-secreta "
    "secret-key-base key-secret client-secret",
    "token": "token jeton токен トークン 令牌 토큰",
    "jwt": "tok jwt bearer oauth2-bearer",
    "api-key": "api-key api-schlüssel clé-api clé-d-api clave-api clave-de-api chiave-api "
    "chave-api chave-de-api ключ-api api-ключ "
    "apiキー api-キー api密钥 api-密钥 api키 api-키 api-secret",
    "access-key": "access-key app-key account-key auth-key client-key encryption-key master-key "
    "service-key signing-key ssh-key storage-key shared-key deploy-key "
    "session-key webhook-key license-key licence-key activation-key product-key "
    "certificate-key server-key "
    "host-key admin-key root-key "
    "crypt-key cipher-key aes-key hmac-key jwt-key cookie-key subscription-key functions-key "
    "shared-access-key logged-in-key nonce-key secure-auth-key auth-salt secure-auth-salt "
    "logged-in-salt nonce-salt consumer-key integration-key preshared-key",
    "private-key": "private-key client-key-data key-data приватный-ключ privater-schlüssel "
    "clave-privada clé-privée chiave-privata chave-privada",
    "authorization": "authorization",
    "cookie": "cookie",
}
_RANDOM = {  # kind: names; the value must be random
    "key": "key",
    "auth": "auth basic-auth credential",
    "pass": "pass pw dbpw userpw rootpw adminpw",
    "clave": "clave chave ключ schlüssel chiave",
    "session": "session session-id sessionid sessid phpsessid "
    "jsessionid sid csrf",
    "webhook": "webhook webhook-url", "otp": "otp salt pepper",
}  # fmt: skip

# These words after a name don't change its meaning.
_QUALIFIER = pattern(
    r"-(?:value|text|plain|plaintext|clear|cleartext|string|str|b64|base64|base-64|data|prod|"
    r"production|dev|development|test|testing|stage|staging|live|sandbox|old|new|current|previous|"
    r"primary|secondary|main|default|backup|fallback|base|admin|root|raw|literal|env|v|[a-z]|\d+)\Z"
)
# A name that ends like this, or has such a word before the term, describes a secret but isn't one.
_OTHER = pattern(
    r"(?:^|-)(?:(?:no|use|has|is|with|without|show|hide|forgot|reset|confirm|requires?|validate|verify|"
    r"check|hash|get|fetch|load|read|find|generate|create|make|parse|refresh|revoke|rotate|decode|"
    r"strip|skip|invalid|missing|wrong|expected)-"
    r"(?:token|pass|secret|session|password|passphrase|cookie|(?:api|access|secret|private)-?key)|"
    r"(?:eos|bos|pad|unk|sep|cls|mask|page|next|stop|prev|sync|continuation|cancellation|csrf-field|"
    r"count|max|min|num|total|per|like|cursor|peek|pagination|scroll|placeholder|syntax|special|"
    r"first|last|each|any-other|type|same|public-key)-token|"
    r"(?:public|primary|foreign|cache|sort|partition|object|idempotency|dedupe|row|hash|group|"
    r"lookup|translation|i18n|map|dict|composite|unique|natural|surrogate|range|index|ordering|"
    r"query|search|shortcut|hot|config|setting|s3|route|react|vue|item|column|field|label|message|"
    r"error|registry|property|attribute|json|yaml|sec-websocket|first|last|each|no|get)-?key|"
    r"authorization-(?:url|server))\Z"
)
_ANYWHERE = pattern(
    r"\A(?:[a-z\d]+-)*(?:password|passwd|pwd|secret|token|api-?key|access-?key|private-?key)"
    r"(?:-[a-z\d]+){1,2}\Z"
)
_NOT_LAST = pattern(
    r"-(?:file|path|dir|url|uri|name|id|ids|count|length|len|size|type|expires?|expiry|expiration|"
    r"expired|ttl|hash|hashed|digest|field|policy|reset|ref|reference|arn|key-ref|required|enabled|"
    r"disabled|min|max|limit|budget|usage|at|in|on|age|days|seconds|hours|timeout|version|prefix|"
    r"header|param|parameter|pattern|regex|format|hint|prompt|label|placeholder|error|message|"
    r"status|state|provider|manager|store|storage|service|endpoint|source|location|rotation|"
    r"command|cmd|algorithm|alg|issuer|audience|scope|scopes|rate|cost|price|index|idx|kind|class|"
    r"set|exists|valid|validator|check|change|changed|update|updated|login|auth|method|mode|env-?var|"
    r"strength|word|words|holder|phrase-?file|input|output|span|position|pos|stream|iterator|list)"
    r"(?:-\d+)?\Z"
)


_MEANINGS = {  # by name without "-"
    name.replace("-", ""): Meaning(kind, sure)
    for sure, table in ((1, _RANDOM), (2, _LIKELY), (3, _SURE))
    for kind, names in table.items()
    for name in names.split()
}
# These may follow another word without a separator: dbpassword, authtoken.
_GLUED = tuple(
    name
    for name, meaning in _MEANINGS.items()
    if meaning.kind in ("password", "secret", "token", "api-key", "access-key", "private-key")
    and len(name) > (3 if name.isascii() else 0)
)


def _any_of(stems: str) -> re.Pattern[str]:
    """Matches one of the stems; grouped by their first letters, which makes a search fast."""
    by_letter: dict[str, list[str]] = {}
    for stem in stems.replace("-", " ").split("|"):
        by_letter.setdefault(stem[0], []).append(re.escape(stem[1:]))
    return pattern("|".join(f"{c}(?:{'|'.join(rest)})" for c, rest in by_letter.items()))


STEMS = _any_of(
    "psw|pss|pasw|passw|passp|passc|pass|pwd|psk|phrase|parola|secret|senha|segret|segred|session|sifre|wif|"
    "salasana|salt|sid|storepass|token|key|kennwort|kata-sandi|auth|adgangskode|cred|cookie|"
    "contrase|clave|chave|chiave|mot-de-passe|motdepasse|mdp|mnemonic|mat-khau|pw|otp|"
    "recovery-code|backup-code|bearer|geheimnis|heslo|haslo|losenord|wachtwoord|webhook|jelszo|jwt|jeton"
)
"""Possible positions of secret names in a folded text."""

_FOREIGN = (
    "contraseña|schlüssel|clé|пароль|пароля|секрет|токен|ключ|密码|密碼|口令|密钥|密鑰|秘钥|令牌|パスワード|"
    "暗証番号|トークン|シークレット|秘密鍵|キー|비밀번호|패스워드|비번|パスコード|암호|토큰|시크릿|비밀키|키|hasło|lösenord|jelszó|şifre|"
    "parolă|κωδικός|סיסמה|סיסמא|كلمة المرور|كلمة السر|पासवर्ड|mật khẩu|รหัสผ่าน"
)
FOREIGN = _any_of(f"{_FOREIGN}|{'|'.join(stem.capitalize() for stem in _FOREIGN.split('|'))}")
"""Possible positions of names that aren't ASCII, in the text itself."""


def words_of(name: str) -> str:
    """The words of a name in lower case, joined by ``-``: clientSecret2 is client-secret-2."""
    parted = re.sub(
        r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=\d)", "-", name
    )
    return re.sub(r"[\W_]+", "-", parted).strip("-").lower()


@functools.lru_cache(4_096)
def meaning_of(name: str) -> Meaning | None:
    """The meaning of a secret name such as ``DB_PASSWORD`` or ``mot de passe``; None for others.

    Only the last 80 characters are read.
    """
    words = words_of(name[-80:])
    if _NOT_LAST.search(words) and not words.endswith(("secret-key-base", "key-data")):
        return None
    found = _term(words)
    while found is None and (shorter := _QUALIFIER.sub("", words)) != words:
        words = shorter
        found = _term(words)
    if found is None and name.isupper() and _ANYWHERE.match(words):
        return Meaning("secret", 2)  # such as TOKEN_GITHUB
    return found


def _term(words: str) -> Meaning | None:
    if _OTHER.search(words):
        return None
    parts = words.split("-")
    for first in range(len(parts)):  # the longest ending that is a name
        if meaning := _MEANINGS.get("".join(parts[first:])):
            return meaning
    compact = "".join(parts)
    if not compact.endswith(_GLUED):
        return None
    return _MEANINGS[max((name for name in _GLUED if compact.endswith(name)), key=len)]
