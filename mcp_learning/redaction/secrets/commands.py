"""Patterns of command lines with secrets: options by command, and a few other forms."""

_QUOTE = r"[\"']?"
_ARGUMENT = (
    r"(?:\"(?P<secret>[^\"\n$]{3,200})\"|'(?P<single>[^'\n]{3,200})'|"
    r"(?P<bare>[^\s\"'$<|;&-][^\s\"'|;&]{2,200}))"
)
_VALUE = rf"{_QUOTE}(?P<secret>[^\s\"'$]{{3,200}})"
_LOGIN = (
    r"(?:docker|podman|buildah|skopeo|nerdctl|helm registry|oras|crane|az|oc|cf|ibmcloud|faas-cli|"
    r"argocd|rancher|bw|heroku|huggingface-cli|hf|npm|vault)(?: auth)? login"
)

_OPTIONS = (  # marker, command, options whose argument is a secret
    ("wget", "wget", "--password|--http-password|--ftp-password|--proxy-password"),
    ("login", _LOGIN, "-p|--password|--token|-t"),
    ("redis-cli", "redis-cli", "-a|--pass"),
    ("mongo", "mongo(?:sh|dump|restore|export|import)?", "-p|--password"),
    ("cqlsh", "cqlsh", "-p|--password"),
    ("sqlcmd", "sqlcmd", "(?-i:-P)"),
    ("ldap", "ldap(?:search|modify|add|delete|passwd|whoami)", "-w"),
)
_GLUED = (  # marker, command, option that its argument follows at once
    ("mysql", "mysql(?:dump|admin|import|show|sh)?", "-p"),
    ("mariadb", "mariadb(?:-dump|-admin)?", "-p"),
    ("7z", "7za?", "-p"),
)


def _option(command: str, options: str, argument: str) -> str:
    return rf"(?<![\w/-]){command}\b[^\n|;&]{{0,300}}?\s(?:{options}){argument}"


COMMANDS = (  # kind, marker, pattern
    *(("password", m, _option(c, o, rf"[ =\t]+{_ARGUMENT}")) for m, c, o in _OPTIONS),
    *(("password", m, _option(c, o, _ARGUMENT)) for m, c, o in _GLUED),
    ("password", "curl", _option("curl", "-u|--user|--proxy-user",
        rf"[ =\t]*{_QUOTE}[^\s:\"'$]{{0,100}}:(?P<secret>[^\s\"'$]{{1,200}})")),
    *(("password", marker, r"(?<![\w/])https?(?:ie)?[ \t]+[^\n|;]{0,100}?(?:-a|--auth)[ =]"
        rf"{_QUOTE}[^\s:\"'$]{{1,100}}:(?P<secret>[^\s\"'$]{{1,200}})")
        for marker in (" -a ", "--auth")),
    ("password", "sshpass", rf"\bsshpass[ \t]+-p[ \t]*{_VALUE}"),
    ("token", "vault login", r"\bvault login[ \t]+(?!-)(?P<secret>[\w.-]{8,200})"),
    ("password", "sqlplus", r"\b(?:sqlplus|sqlldr|impdp|expdp)[ \t]+(?:-\w+[ \t]+){0,3}"
        rf"{_QUOTE}[\w$#]{{1,60}}/\"?(?P<secret>[^\s\"']{{3,100}})\"?@"),
    ("password", "%", r"\b(?:smbclient|rpcclient|net|mount\.cifs)\b[^\n]{0,200}?-U[ \t]*"
        rf"{_QUOTE}[\w\\/.-]{{1,60}}%(?P<secret>[^\s\"']{{3,100}})"),
    ("password", "pass:", r"-(?:pass|passin|passout)[ \t]+"
        rf"{_QUOTE}pass:(?P<secret>[^\s\"'$]{{1,200}})"),
    ("password", "sudo", r"\becho[ \t]+(?:-\w[ \t]+)?"
        rf"{_QUOTE}(?P<secret>[^\s\"'$|]{{3,100}}){_QUOTE}"
        r"[ \t]*\|[ \t]*sudo[ \t]+(?:-\w{1,20}[ \t]+){0,4}-\w{0,20}S"),
    ("password", "chpasswd", r"[\w.-]{1,40}:(?P<secret>[^\s\"':$]{3,100})"
        rf"{_QUOTE}[ \t]*\|[ \t]*(?:sudo[ \t]+)?chpasswd"),
    ("password", "htpasswd", r"\bhtpasswd[ \t]+(?:-\w{1,10}[ \t]+){0,3}-\w{0,9}b\w{0,9}[ \t]+"
        rf"(?:-\w{{1,10}}[ \t]+){{0,3}}(?:[^\s-]\S{{0,200}}[ \t]+){{1,2}}{_VALUE}"),
    ("password", "zip", rf"(?<![\w/-])(?:un)?zip\b[^\n|;&]{{0,200}}?[ \t](?-i:-P)[ \t]*{_VALUE}"),
    ("password", "/p:", rf"\b(?:xfreerdp\d?|wfreerdp|mstsc)\b[^\n]{{0,200}}?[ \t]/p:{_VALUE}"),
    ("password", "net use", r"\bnet use[ \t]+(?:\w:[ \t]+)?\\\\\S{1,100}[ \t]+"
        r"(?![/*])(?P<secret>\S{3,100})"),
    ("password", "lftp", _option("lftp", "-u", r"[ \t]+[^\s,]{1,60},(?P<secret>[^\s\"'$]{3,100})")),
    ("password", "rabbitmqctl", r"\brabbitmqctl[ \t]+"
        rf"(?:add_user|change_password|authenticate_user)[ \t]+\S{{1,60}}[ \t]+{_VALUE}"),
    ("secret", "user-secrets", rf"\buser-secrets set[ \t]+\"?[\w:.-]{{1,100}}\"?[ \t]+{_VALUE}"),
    ("secret", "put-parameter", r"\bput-parameter\b"
        r"(?=[^\n]{0,300}(?:securestring|password|secret|token))"
        rf"[^\n]{{0,200}}?--value[ =]{_VALUE}"),
    ("password", "send", r"assword[^\n]{0,40}\n?[^\n]{0,20}\bsend\b[ \t]+(?:--[ \t]+)?"
        r"[\"'](?P<secret>[^\"'\\\n$]{4,100})\\[rn]"),
    ("password", "nmcli", r"\bnmcli\b[^\n]{0,200}?\bpassword[ \t]+(?P<secret>[^\s\"'$]{4,100})"),
    *(("password", "snmp", _option("snmp\\w{1,12}", option, rf"[ \t]*{_VALUE}"))
        for option in ("(?-i:-A)", "(?-i:-X)")),
    ("password", "openssl", _option("openssl", "-k|-K|-passwd", rf"[ \t]+{_VALUE}")),
    ("password", "rar ", _option("(?:un)?rar", "-h?p", _ARGUMENT)),
    ("token", "login", r"\b[\w-]{2,40} login[ \t]+"
        r"(?P<secret>(?=[\w-]{0,40}\d)[\w-]{32,400})(?!\w)"),
    ("token", "echo", r"\becho[ \t]+(?:-\w[ \t]+)?"
        rf"{_QUOTE}(?P<secret>[^\s\"'$|]{{4,400}}){_QUOTE}[ \t]*\|"
        r"[^\n|]{0,100}(?:--(?:password-stdin|with-token|token-stdin|passphrase-fd|data-file=-)|"
        r"env add|secrets? (?:create|put|set|versions add))"),
    ("secret", " put", r"\b(?:kv|secrets?|consul kv|param(?:eter)?) put\b[^\n]{0,200}?[\w.-]{0,40}"
        rf"(?:password|secret|token|key|pwd)={_VALUE}"),
    ("password", "credential", r"\bpscredential[ \t]*\([ \t]*[\"'][^\"'\n]{1,100}[\"'],[ \t]*"
        r"[\"'](?P<secret>[^\"'\n$]{3,200})[\"']"),
    ("password", "securestring", r"\bconvertto-securestring[ \t]+"
        r"(?:-(?:string|force|asplaintext)[ \t]+){0,3}"
        r"\\*[\"']?(?P<secret>[^\s\"'$\\(-][^\s\"'\\]{3,200})"),
    ("secret", "secret set", r"\bsecret set[ \t]+\S{1,80}[ \t]+(?:-\w[ \t]+\S{1,80}[ \t]+){0,2}"
        rf"(?:-b|--body)[ =]?{_VALUE}"),
    ("secret", "setx", r"\bsetx[ \t]+\w{0,40}(?:token|key|secret|pass\w{0,10}|pwd)[ \t]+"
        rf"{_VALUE}"),
    ("secret", "configure set", r"\bconfigure set[ \t]+\S{0,80}?(?:key|token|secret|password)[ \t]+"
        rf"{_VALUE}"),
    ("secret", "config set", r"\bconfig set[ \t]+(?:--?[\w-]{1,30}[ \t]+){0,3}\S{0,120}?"
        rf"(?:key|token|secret|password|_auth)[ \t]+(?!-){_VALUE}"),
)  # fmt: skip
"""Each with a marker that occurs, in lower case, wherever the pattern matches."""
