"""Token formats that their issuers document, known by a prefix or an infix.

A body is written in a short notation: a letter for an alphabet and the least number of characters,
such as ``A36``; ``!`` after it stands for exactly so many. All else stands for itself.

=====  =======================================================
``A``  letters and digits
``U``  upper-case letters and digits
``L``  lower-case letters and digits
``H``  lower-case hexadecimal digits
``X``  hexadecimal digits
``D``  digits
``W``  letters, digits, ``_`` and ``-``
``P``  as ``W``, with the dots, ``=``, ``%`` and ``:`` between parts
``B``  base64, of either alphabet
=====  =======================================================
"""

import functools
import re
from typing import NamedTuple

_ALPHABETS = {
    "A": "[A-Za-z0-9]",
    "U": "[A-Z0-9]",
    "L": "[a-z0-9]",
    "H": "[0-9a-f]",
    "X": "[0-9A-Fa-f]",
    "D": "[0-9]",
    "W": r"[\w-]",
    "P": r"[\w.=%:-]",
    "B": r"[\w+/=-]",
}
_UUID = "H8!-H4!-H4!-H4!-H12!"

_TABLE = (  # issuer, kind, prefixes, body
    # Clouds and hosting
    ("AWS", "aws-access-key", "AKIA ASIA ABIA ACCA", "U16!"),
    ("AWS", "aws-access-key", "A3T", "U17!"),
    ("AWS session", "aws-session-token", "IQoJb3JpZ2lu FwoGZXIvYXdz FQoGZXIvYXdz", "B80"),
    ("Akamai", "api-key", "akab-", "L16!-L16!"),
    ("AWS Bedrock", "aws-bedrock-key", "ABSK", "B80"),
    ("AWS Bedrock", "aws-bedrock-key", "bedrock-api-key-", "B24"),
    ("Amazon MWS", "amazon-key", "amzn.mws.", "L8!-L4!-L4!-L4!-L12!"),
    ("Login with Amazon", "amazon-key", "amzn1.oa2-cs.v1. Atza| Atzr|", "B40"),
    ("Google", "google-key", "AIza", "W24"),
    ("Google", "google-key", "ya29. GOCSPX- 1//0", "P24"),
    ("Google Gemini", "google-key", "AQ.Ab8R", "W30"),
    ("Google storage HMAC", "google-key", "GOOG1", "U40"),
    ("Alibaba", "api-key", "LTAI", "A12"),
    ("Tencent", "api-key", "AKID", "A32!"),
    ("Baidu", "api-key", "bce-v3/ALTAK-", "B40"),
    ("Yandex", "api-key", "AQVN YCAJ YCMJ YCP y0_ y1_ y2_ y3_ t1.9eu", "W35"),
    ("IBM, VK", "api-key", "vk1.a.", "W60"),
    ("DigitalOcean", "api-key", "dop_v1_ doo_v1_ dor_v1_", "A24"),
    ("Fly.io", "fly-token", "fm1r_ fm1a_ fm1_ fm2_ fo1_", "B30"),
    ("Heroku", "api-key", "HRKU-", "W30"),
    ("Netlify", "api-key", "nfp_ nfo_ nfc_ nfb_ nfu_", "A30"),
    ("Vercel", "vercel-token", "vercel_blob_rw_ vcp_ vck_ vci_ vca_ vcr_", "W20"),
    ("Render", "api-key", "rnd_", "A24"),
    ("Supabase", "api-key", "sbp_ sb_secret_", "W24"),
    ("PlanetScale", "api-key", "pscale_tkn_ pscale_pw_ pscale_oauth_ pscale_otkn_", "P30"),
    ("Neon", "api-key", "napi_", "L40"),
    ("MongoDB Atlas", "api-key", "mdb_sa_sk_", "W30"),
    ("Databricks", "api-key", "dapi dose dkea dsapi", "H32!"),
    ("Databricks", "api-key", "dapi", "H32!-D1!"),
    ("Aiven", "api-key", "AVNS_", "W19"),
    ("Cloudflare", "api-key", "cfk_ cfut_ cfat_", "A30"),
    ("Cloudflare origin CA", "api-key", "v1.0-", "H24!-H100"),
    ("Backblaze", "api-key", "K00", "A28!"),
    ("Scaleway, Appwrite", "api-key", "standard_", "H200"),
    ("Deno Deploy", "api-key", "ddp_ ddw_ ddo_", "A36"),
    ("Prefect, Modal", "api-key", "pnu_ pnb_", "A36"),
    ("Azure DevOps, Functions and others", "azure-key", "AzFu AzSe AzCa +ASt +ABa +AMC "
        "+AIoT +AEh +ASb +ACR", "B10=="),
    # Code, packages and builds
    ("GitHub", "github-token", "ghp_ gho_ ghu_ ghs_ ghr_", "A36"),
    ("GitHub", "github-token", "github_pat_", "W22"),
    ("GitLab", "gitlab-token", "glpat- gldt- glft- glsoat- glrt- glrtr- GR1348941 glcbt- glimt- "
        "glptt- glagent- gloas- glffct- glwt-", "P20"),
    ("Atlassian, Bitbucket", "atlassian-token", "ATATT3 ATCTT3 ATSTT3 ATBB", "P20"),
    ("Bitbucket access token", "atlassian-token", "BBDC-", "B40"),
    ("Gitea, Forgejo", "api-key", "gta_", "H40"),
    ("Sourcegraph", "api-key", "sgp_ sgd_ slk_ sgs_", "W40"),
    ("CircleCI", "api-key", "CCIPAT_ CCIPRJ_", "W40"),
    ("Buildkite", "api-key", "bkua_ bkaj_ bkct_", "A36"),
    ("npm", "npm-token", "npm_", "A36"),
    ("PyPI", "pypi-token", "pypi-AgE", "W50"),
    ("RubyGems", "rubygems-key", "rubygems_", "H40"),
    ("NuGet", "nuget-key", "oy2", "L43!"),
    ("crates.io", "api-key", "cio", "A32!"),
    ("Clojars", "api-key", "CLOJARS_", "L40"),
    ("Packagist", "api-key", "packagist_ort_ packagist_out_ packagist_uut_", "H40"),
    ("Docker", "api-key", "dckr_pat_ dckr_oat_", "W20"),
    ("JFrog", "artifactory-key", "AKC cmVmd", "A40"),
    ("SonarQube", "api-key", "sqp_ squ_ sqa_", "H40"),
    ("Snyk", "api-key", "snyk_uat. snyk_sat.", "P40"),
    ("Socket", "api-key", "sktsec_", "W20"),
    ("Octopus Deploy", "api-key", "API-", "U25"),
    ("WunderGraph", "api-key", "cosmo_", "H32!"),
    ("Harness", "api-key", "pat. sat.", "W22!.A24!.A20!"),
    ("Authress", "api-key", "sc_ ext_ scauth_ authress_", "L5.L4.acc-L10.B30"),
    ("ClickHouse Cloud", "api-key", "4b1d", "A38!"),
    ("Infracost", "api-key", "ico-", "A32!"),
    ("Scalingo", "api-key", "tk-us- tk-eu-", "W48"),
    ("SettleMint", "api-key", "sm_aat_ sm_pat_ sm_sat_", "A16"),
    ("42 Intra", "api-key", "s-s4t2ud- s-s4t2af-", "H64!"),
    ("Adobe", "api-key", "p8e-", "A32!"),
    ("Postman", "api-key", "PMAK- PMAT-", "W20"),
    ("Expo, Tines, readme.com", "api-key", "rdme_", "L60"),
    ("OpenShift", "openshift-token", "sha256~", "W43!"),
    # Secrets, identity and networks
    ("HashiCorp Vault", "api-key", "hvs. hvb. hvr.", "W20"),
    ("HashiCorp Vault", "api-key", "s. b. r.", "A24!"),
    ("Doppler", "doppler-token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit. dp.said.", "P40"),
    ("1Password", "1password-token", "ops_eyJ", "B100"),
    ("1Password", "1password-token", "A3-", "U6!-U6!-U5!-U5!-U5!-U5!"),
    ("1Password", "1password-token", "A3-", "U6!-U11!-U5!-U5!-U5!"),
    ("Infisical", "api-key", "st.", "H8!-H4!-H4!-H4!-H12!.H32!.H32!"),
    ("Pulumi", "api-key", "pul-", "A24"),
    ("Tailscale", "api-key", "tskey-", "W20"),
    ("Defined Networking", "api-key", "dnkey-", "U26!-U52"),
    ("Docker Swarm", "api-key", "SWMTKN-1- SWMKEY-1-", "W40"),
    ("NATS", "private-key", "SUA SAA SOA SCA SNA", "U55!"),
    ("NTLM", "authorization", "TlRMTVNTUAAD", "B40"),
    ("Teleport, ngrok", "api-key", "ngrok_", "A40"),
    ("age", "private-key", "AGE-SECRET-KEY-1 AGE-SECRET-KEY-PQ-1", "U20"),
    ("minisign", "private-key", "RWRTY0Iy RWQAAEIy", "B80"),
    ("base64 of a private key", "private-key", "LS0tLS1CRUdJTiBQUklW LS0tLS1CRUdJTiBSU0EgUFJJ "
        "LS0tLS1CRUdJTiBFQyBQUklW LS0tLS1CRUdJTiBPUEVO LS0tLS1CRUdJTiBFTkNSWVBU "
        "LS0tLS1CRUdJTiBEU0EgUFJJ LS0tLS1CRUdJTiBQR1AgUFJJ", "B16"),
    ("BIP 32", "private-key", "xprv yprv zprv tprv", "A100"),
    ("PASETO", "api-key", "v1.local. v2.local. v3.local. v4.local. v4.public. v2.public.", "P40"),
    ("Kubernetes service account", "api-key", "k8s-aws-v1.", "W60"),
    ("Stytch, Statsig", "api-key", "secret-live- secret-test- secret-", "W36"),
    ("Proxmox", "api-key", "PVEAPIToken=", "P40"),
    ("Rancher", "api-key", "token-", "L5!:L54!"),
    # AI
    ("Anthropic", "anthropic-key", "sk-ant-", "W16"),
    ("OpenAI", "openai-key", "sk-proj- sk-svcacct- sk-admin- sk-service-account-", "W24"),
    ("OpenAI and alike", "api-key", "sk- sess-", "A32"),
    ("Cerebras, OpenRouter, Langfuse and alike", "api-key", "sk-or-v1- csk- sk-lf- sk-let- "
        "sk-helicone- sk-ws- ctx7sk- sk-or- sk-", "W36"),
    ("Groq", "api-key", "gsk_", "A24"),
    ("xAI, Perplexity", "api-key", "xai- pplx-", "A24"),
    ("Replicate, Fireworks", "api-key", "r8_ fw_", "A24"),
    ("Hugging Face", "hugging-face-token", "hf_ api_org_", "A30"),
    ("NVIDIA", "api-key", "nvapi-", "W20"),
    ("Tavily, Jina, mem0", "api-key", "tvly- jina_ mem0- m0-", "W20"),
    ("E2B", "api-key", "e2b_", "H36"),
    ("Daytona, Supermemory, RunPod", "api-key", "dtn_ sm_ rpa_", "W30"),
    ("LangSmith", "api-key", "lsv2_pt_ lsv2_sk_ ls__", "W32"),
    ("Pinecone", "api-key", "pcsk_", "W40"),
    ("ElevenLabs", "api-key", "sk_", "H48!"),
    ("LlamaIndex", "api-key", "llx-", "W40"),
    ("Firecrawl", "api-key", "fc-", "H32!"),
    ("Apify", "api-key", "apify_api_", "A30"),
    ("Together, Weights & Biases, Anyscale", "api-key", "tgp_v1_ wandb_v1_ esecret_", "W24"),
    ("Voyage, Modal, Composio", "api-key", "pa- ak- as- ak_", "A40"),
    ("Browserbase, Cursor", "api-key", "bb_live_ bb_test_ key_", "A40"),
    ("Dify, Coze", "api-key", "app- pat_", "A24!"),
    ("Coze", "api-key", "pat_", "A64"),
    ("Brave Search", "api-key", "BSA", "W27!"),
    ("Zep, Portkey, Cohere", "api-key", "z_1dWlkIjoi co_", "W36"),
    # Work, content and mail
    ("Slack", "slack-token", "xoxa- xoxb- xoxc- xoxe- xoxe. xoxo- xoxp- xoxr- xoxs- xapp- "
        "xwfp-", "P10"),
    ("Slack", "slack-token", "xoxd-", "B20"),
    ("Notion, Linear", "api-key", "ntn_ lin_api_ lin_oauth_", "A24"),
    ("Notion", "api-key", "secret_", "A43!"),
    ("Airtable", "api-key", "pat", "A14!.H64!"),
    ("Figma", "api-key", "figd_ figu_ figo_", "W20"),
    ("Contentful", "api-key", "CFPAT-", "W40"),
    ("HubSpot", "api-key", "pat-na1- pat-na2- pat-na3- pat-eu1- pat-ap1-", _UUID),
    ("Asana", "api-key", "1/ 2/", "D15:H32!"),
    ("Asana", "api-key", "2/", "D15/D15:H32!"),
    ("Typeform, n8n, Retool", "api-key", "tfp_ n8n_api_ retool_", "P30"),
    ("Intercom", "api-key", "dG9rOg", "B30"),
    ("Mailgun", "api-key", "key-", "H32!"),
    ("SendGrid", "sendgrid-key", "SG.", "P60"),
    ("Brevo", "api-key", "xkeysib- xsmtpsib-", "H64-A16"),
    ("Resend", "api-key", "re_", "A8_A16"),
    ("Mandrill", "api-key", "md-", "W22!"),
    ("OneSignal", "api-key", "os_v2_app_ os_v2_org_", "L60"),
    ("Twilio", "api-key", "AC SK", "X32!"),
    ("Twitch", "api-key", "oauth:", "L30!"),
    ("Facebook, Instagram", "facebook-token", "EAA IGQ", "A100"),
    ("Dropbox", "api-key", "sl.u. sl.", "W100"),
    ("Mapbox", "api-key", "sk.eyJ tk.eyJ", "P40"),
    ("Frame.io, Duffel, Shippo, Lob", "api-key", "fio-u- duffel_live_ duffel_test_ shippo_live_ "
        "shippo_test_", "B30"),
    # Payment
    ("Stripe", "stripe-key", "sk_live_ rk_live_ sk_test_ rk_test_ sk_prod_ rk_prod_ whsec_ "
        "sk_org_", "B10"),
    ("Mollie, Lob, GoCardless", "api-key", "live_ test_", "A30"),
    ("Checkout.com", "api-key", "sk_sbox_ sk_", "L27!"),
    ("Paddle", "api-key", "pdl_live_ pdl_sdbx_", "W30"),
    ("Razorpay", "api-key", "rzp_live_ rzp_test_", "A14"),
    ("Square", "square-token", "sq0csp- sq0atp- sq0idp-", "W22"),
    ("Square", "square-token", "EAAA", "W60!"),
    ("PayPal", "api-key", "access_token$production$ access_token$sandbox$", "L16!$H32!"),
    ("Shopify", "api-key", "shpat_ shpca_ shppa_ shpss_ shptka_ shpua_", "A24"),
    ("Plaid", "api-key", "access-production- access-sandbox- access-development-", _UUID),
    ("Adyen", "api-key", "AQE", "B20-B20"),
    ("Flutterwave", "api-key", "FLWSECK_TEST- FLWSECK-", "A12"),
    ("EasyPost", "api-key", "EZAK EZTK", "A54"),
    # Observation
    ("New Relic", "api-key", "NRAK- NRAA- NRRA- NRJS- NRII- NRIQ- NRSP-", "W19"),
    ("Grafana", "api-key", "glsa_ glc_ eyJrIjoi", "B24"),
    ("Sentry", "api-key", "sntrys_ sntryu_ sntrya_ sntryi_", "B24"),
    ("Dynatrace", "api-key", "dt0a01. dt0c01. dt0e01. dt0s01. dt0s02. dt0s03. dt0s08. dt0s16.",
        "A20.A60"),
    ("PostHog", "posthog-key", "phc_ phx_ phs_", "W30"),
    ("Honeycomb", "api-key", "hcaik_ hcamk_ hcalk_ hcbik_ hcxik_ hcxmk_", "L30"),
    ("LaunchDarkly", "api-key", "sdk- api- mob-", _UUID),
    ("Axiom", "api-key", "xaat- xapt- xait-", _UUID),
    ("ConfigCat", "api-key", "configcat-sdk-1/", "W22/W22"),
    ("Unleash", "api-key", "*:*. *:development. *:production. default:development. "
        "default:production.", "H40"),
)  # fmt: skip

_UNPREFIXED = (  # issuer, kind, infix, pattern; the infix is looked for first
    ("Terraform Cloud", "terraform-token", ".atlasv1.", r"\b[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,}"),
    ("Microsoft Entra", "azure-secret", "Q~", r"(?<![\w.~-])[\w.~-]{3}\dQ~[\w.~-]{31,40}"),
    ("Azure", "azure-key", "JQQJ99", r"(?<!\w)[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{20,40}"),
    ("Azure DevOps", "azure-key", "AZDO", r"(?<!\w)[A-Za-z0-9]{70,80}AZDO[A-Za-z0-9]{4}"),
    ("Salesforce", "api-key", "00D", r"(?<!\w)00D[A-Za-z0-9]{12,15}![\w.]{60,}"),
    ("Dropbox", "api-key", "AAAAAAAAAA", r"(?<!\w)[A-Za-z0-9]{11}A{10}[\w-]{43}(?!\w)"),
    ("Mailgun", "api-key", "-", r"(?<![\w-])[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}(?![\w-])"),
    ("Mailchimp", "mailchimp-key", "-us", r"(?<![A-Za-z0-9])[0-9a-f]{32}-us\d{1,2}(?!\d)"),
    ("New Relic license", "api-key", "NRAL", r"(?<!\w)[A-Za-z0-9]{36}NRAL(?!\w)"),
    ("Telegram", "telegram-token", ":AA", r"(?<!\d)\d{8,10}:AA[\w-]{33,35}(?![\w-])"),
    ("Twitter", "api-key", "AAAAAAAAAAAAAAAAAAAA", r"(?<![\w+/])"
        r"A{18,22}[A-Za-z0-9]{5,40}%[\w%]{30,}"),
    ("Facebook", "facebook-token", "|", r"(?<!\d)\d{15,16}\|[\w-]{27,40}(?![\w-])"),
    ("MaxMind", "api-key", "_mmk", r"(?<!\w)[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk(?!\w)"),
    ("Discord", "discord-token", ".", r"(?<![\w-])[MNO](?=[\w-]{0,27}\d)[\w-]{23,27}\.[\w-]{6}\."
        r"[\w-]{27,}"),
    ("Slack", "slack-token", "hooks.slack.com", r"(?:https://)?hooks\.slack\.com/services/"
        r"T\w{5,20}/B\w{5,20}/\w{16,}"),
    ("Azure storage", "azure-storage-key", "AccountKey=", r"AccountKey=[A-Za-z0-9+/]{86}=="),
    ("Bitwarden", "api-key", "0.", r"(?<![\w.])0\.[0-9a-f-]{36}\.[A-Za-z0-9]{30}:[A-Za-z0-9+/]{22}"
        r"=="),
)  # fmt: skip


class Format(NamedTuple):
    """A documented format, by its prefix, or else what it contains.

    It must look random where names of programs may have its form, too.
    """

    kind: str
    prefix: str
    source: str
    looks_random: bool

    @property
    def pattern(self) -> re.Pattern[str]:
        """What follows the prefix; without a prefix, all of it. Compiled at the first use."""
        return _compiled(self.source)


@functools.cache
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source, re.ASCII)


@functools.cache
def _source(body: str) -> str:
    parts = []
    for letter, number, exact, other in re.findall(r"([AULHXDWPB])(\d+)(!?)|([^!])", body):
        if other:
            parts.append(re.escape(other))
        else:
            alphabet = _ALPHABETS[letter]
            last = f"(?!{alphabet})"
            parts.append(f"{alphabet}{{{number}}}{last}" if exact else f"{alphabet}{{{number},}}")
    return "".join(parts)


@functools.cache
def prefixed() -> tuple[Format, ...]:
    """The formats that start with a prefix."""
    return tuple(
        Format(kind, prefix, _source(body), any(letter in body for letter in "AWPLB"))
        for _, kind, prefixes, body in _TABLE
        for prefix in prefixes.split()
    )


@functools.cache
def unprefixed() -> tuple[Format, ...]:
    """The formats that contain an infix."""
    return tuple(Format(kind, infix, source, False) for _, kind, infix, source in _UNPREFIXED)


def warm() -> None:
    """Compiles every pattern, each of which is compiled at its first use otherwise."""
    for known in (*prefixed(), *unprefixed()):
        _compiled(known.source)
