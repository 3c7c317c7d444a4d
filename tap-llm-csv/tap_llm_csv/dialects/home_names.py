"""Names that home-made logs give their columns → what such a column holds, and in which unit.

Names are compared by their letters and digits alone: `Input Tokens`, `input_tokens` and
`inputTokens` are one name. Only what is plain from the name is here; what could be two things is
left out, and `looks_like` says that it should be looked at.
"""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import product

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NO_LETTER = re.compile(r"[^a-z0-9]+")
# Where an object inside the row holds the counts, or a flat name says that it did.
_PREFIX = re.compile(r"(?:response)?(?:usagemetadata|tokenusage|llmusage|usage)")


def loose(name: str) -> str:
    """A name as it is compared here: letters and digits, no case."""
    return _NO_LETTER.sub("", name.casefold())


def words_of(name: str) -> list[str]:
    """The words of a name, however they are joined."""
    return [word.lower() for word in _WORDS.findall(name)]


def forms_of(name: str) -> tuple[str, ...]:
    """What a name is looked up as: itself, and without the object that it stands in."""
    whole = loose(name)
    found = _PREFIX.match(whole)
    inner = whole[found.end() :] if found else ""
    return (whole, inner) if inner else (whole,)


def _counts(*parts: str) -> tuple[str, ...]:
    """`prompt` → `prompttokens`, `tokensprompt`, `promptcount` … the plainest first."""
    forms = [
        form
        for part in parts
        for form in (
            f"{part}tokens", f"tokens{part}", f"{part}token", f"token{part}", f"{part}tokencount",
            f"{part}tokenscount", f"{part}tok", f"tok{part}", f"{part}toks", f"{part}tokensused",
            f"tokencount{part}", f"tokenscount{part}", f"{part}tokensnumber",
        )
    ]  # fmt: skip
    before = ("", "num", "n", "numof", "numberof", "count", "llm", "api", "total")
    return tuple(prefix + form for prefix, form in product(before, forms))


INPUT = (*_counts("prompt", "input", "in", "sent", "request"), "promptevalcount")
OUTPUT = (
    *_counts("completion", "output", "out", "response", "generated", "received", "reply"),
    *_counts("candidates"),
    "evalcount",
)
"""Input and output; `prompt_eval_count` and `eval_count` are Ollama's."""

UNCACHED = _counts("inputuncached", "uncachedinput", "uncachedprompt")
"""Input without what was read from a cache, where the file has no other."""

TOTAL = (
    "totaltokens", "tokenstotal", "tokens", "tokencount", "totaltokencount", "tokensused",
    "totaltokensused", "numtokens", "ntokens", "llmtokens",
)  # fmt: skip

CACHE_READ = (
    "cachereadtokens", "cacheread", "cachereads", "tokenscacheread", "cachereadinputtokens",
    "cachereadinputtokencount", "cachedtokens", "tokenscached", "cachedinputtokens",
    "inputcachedtokens", "inputtokenscached", "cachedprompttokens", "promptcachedtokens",
    "prompttokenscached", "prompttokensdetailscachedtokens", "inputtokensdetailscachedtokens",
    "inputtokendetailscacheread", "cachedcontenttokencount", "promptcachehittokens",
    "cachehittokens", "numcachedtokens", "cachedtokencount",
)  # fmt: skip
CACHE_WRITE = (
    "cachewritetokens", "cachewrite", "cachewrites", "tokenscachewrite", "cachewriteinputtokens",
    "cachewriteinputtokencount", "cachecreationinputtokens", "cachecreationinputtokencount",
    "cachecreationtokens", "cachecreation", "inputtokendetailscachecreation",
)  # fmt: skip
CACHE_WRITE_5M = ("cachecreationephemeral5minputtokens", "ephemeral5minputtokens")
CACHE_WRITE_1H = ("cachecreationephemeral1hinputtokens", "ephemeral1hinputtokens")
OUTSIDE = frozenset({
    "cachereadinputtokens", "cachereadinputtokencount", "cachewriteinputtokens",
    "cachewriteinputtokencount", "cachecreationinputtokens", "cachecreationinputtokencount",
    "cachecreationtokens", "cachecreation", *CACHE_WRITE_5M, *CACHE_WRITE_1H, *UNCACHED,
})  # fmt: skip
"""Anthropic's and Bedrock's names: their input leaves out what these columns count."""

REASONING = (
    "reasoningtokens", "reasoningoutputtokens", "outputreasoningtokens", "tokensreasoning",
    "completiontokensdetailsreasoningtokens", "outputtokensdetailsreasoningtokens",
    "outputtokendetailsreasoning", "thinkingtokens", "thoughtstokencount", "thoughtstokens",
)  # fmt: skip

TIME = (
    "timestamp", "ts", "timestamputc", "utctimestamp", "timestampiso", "isotimestamp",
    "datetime", "datetimeutc", "createdat", "loggedat", "recordedat", "eventtime", "starttime",
    "startedat", "startts", "starttimestamp", "requestedat", "requesttimestamp", "occurredat",
    "calledat", "created", "isotime", "timeutc", "utctime", "utc", "timestampms", "tsms",
    "timestampunix", "unixtimestamp", "unixtime", "epoch", "epochms", "when", "at",
)  # fmt: skip
DAY = ("date", "day", "datestr", "calldate")
CLOCK = ("time", "timeofday", "clock", "timestr")
END = ("endtime", "endedat", "endts", "endtimestamp", "finishedat", "completedat", "finishtime")

MODEL = (
    "model", "modelname", "modelid", "modelused", "llmmodel", "aimodel", "llm", "llmname",
    "modelslug", "engine", "deployment", "deploymentname", "modelversion", "responsemodel",
)  # fmt: skip
PROVIDER = ("provider", "vendor", "modelprovider", "llmprovider", "providername")
PROMPT_NAME = ("tasktype", "promptname")
SESSION = ("sessionid", "session", "conversationid", "threadid", "chatid")
USER = ("userid", "user", "username")
FINISH = ("finishreason", "stopreason")
NOTES = ("notes", "note")
ERROR = (
    "errormessage", "error", "errormsg", "err", "errortext", "errordetail", "errordetails",
    "exception", "failurereason", "errorreason",
)  # fmt: skip
SUCCESS = (
    "tasksuccess", "success", "succeeded", "issuccess", "successful", "issuccessful",
    "wassuccessful", "ok", "isok",
)  # fmt: skip
FAILURE = ("iserror", "haserror", "failed", "isfailed", "isfailure", "failure", "errored")
STATUS = (
    "status", "outcome", "callstatus", "requeststatus", "responsestatus", "apistatus",
    "statuscode", "httpstatus", "httpstatuscode", "httpcode", "responsecode", "state",
)  # fmt: skip
CURRENCY = ("currency", "costcurrency", "currencycode")
REQUESTS = (
    "requests", "requestcount", "numrequests", "nrequests", "requestscount", "calls", "callcount",
    "numcalls", "ncalls", "apicalls", "llmcalls", "modelcalls", "nummodelrequests", "apirequests",
)  # fmt: skip
"""A row that counts calls is none."""

_SPANS = (
    "duration|latency|elapsed|elapsedtime|responsetime|timetaken|took|runtime|walltime|wall"
    "|totalduration|inferencetime|processingtime|executiontime|exectime|generationtime"
    "|durationapi|apiduration|apilatency|llmlatency|llmduration|callduration|calllatency"
    "|requestduration|requestlatency|totallatency|modellatency|totaltime"
)
_FIRST_TOKENS = "ttft|timetofirsttoken|firsttokenlatency|firsttoken|latencyfirsttoken"
_UNITS = {
    Decimal(1): "ms|msec|msecs|millis|milliseconds|millisecond|inms|inmilliseconds",
    Decimal(1000): "s|sec|secs|second|seconds|insec|inseconds",
    Decimal("0.001"): "us|micros|microseconds|usec",
    Decimal("0.000001"): "ns|nanos|nanoseconds|nsec",
    Decimal(60_000): "min|mins|minutes|minute|inminutes",
}
_TIMED = [
    (re.compile(rf"(?P<what>{_SPANS}|(?P<first>{_FIRST_TOKENS}))(?:{units})"), scale)
    for scale, units in _UNITS.items()
]

_OF = "estimated|estimate|est|total|call|request|api|llm|actual|computed|calculated|task|query"
_KIND_OF_COST = f"(?:{_OF})*"
_COSTS = (
    (re.compile(rf"{_KIND_OF_COST}(?:cost|costs|spend|spent)(?:in)?(?:us|usd|dollars?)"), 1),
    (re.compile(rf"(?:usd{_KIND_OF_COST}(?:cost|spend|spent)|{_KIND_OF_COST}usd|dollars)"), 1),
    (re.compile(rf"{_KIND_OF_COST}(?:cost|costs|spend|spent)"), 1),
    (re.compile(rf"{_KIND_OF_COST}(?:cost|spend)(?:in)?(?:usd|us)?cents?(?:usd)?"), 100),
    (re.compile(rf"{_KIND_OF_COST}(?:cost|spend)(?:in)?(?:microusd|usdmicros?|micros?)"), 10**6),
    (re.compile(rf"{_KIND_OF_COST}(?:cost|spend)(?:in)?(?:nanousd|usdnanos?)"), 10**9),
)  # fmt: skip
_IN_DOLLARS = "(?:in)?(?:us|usd|dollars?)?"
_INPUT_COST = re.compile(rf"(?:input|prompt)(?:tokens?)?cost{_IN_DOLLARS}|costinput(?:usd)?")
_OUTPUT_COST = re.compile(rf"(?:output|completion)(?:tokens?)?cost{_IN_DOLLARS}|costoutput(?:usd)?")


def span_of(name: str) -> tuple[str, Decimal] | None:
    """`latency_sec` → (`duration_ms`, 1000): milliseconds in one of its unit."""
    key = loose(name)
    for pattern, scale in _TIMED:
        if found := pattern.fullmatch(key):
            return ("ttft_ms" if found["first"] else "duration_ms"), scale
    return None


def cost_of(name: str) -> tuple[int, int] | None:
    """`total_cost_cents` → (how plainly it is the cost of a call, its parts in a dollar)."""
    key = loose(name)
    for rank, (pattern, parts) in enumerate(_COSTS):
        if pattern.fullmatch(key):
            return (2 * rank + ("total" in key), parts)
    return None


def part_of_cost(name: str) -> str | None:
    """`input` or `output` for a column that has the cost of one of them."""
    key = loose(name)
    if _INPUT_COST.fullmatch(key):
        return "input"
    return "output" if _OUTPUT_COST.fullmatch(key) else None


_LOOKS = (
    ("tokens", frozenset({"token", "tokens", "tok", "toks"})),
    (
        "a cost",
        frozenset({
            "cost", "costs", "price", "prices", "spend", "spent", "usd", "dollars", "cents", "eur",
            "gbp", "rub", "inr", "cny", "jpy", "amount", "fee", "fees", "charge", "charged",
            "billed", "bill", "billing", "money", "paid",
        }),
    ),
    (
        "a time",
        frozenset({
            "time", "timestamp", "datetime", "date", "duration", "latency", "elapsed", "runtime",
            "took", "ms", "millis", "sec", "secs", "seconds", "ttft", "delay", "speed",
        }),
    ),
    (
        "an outcome",
        frozenset({
            "status", "success", "succeeded", "successful", "failed", "failure", "error", "errors",
            "outcome", "ok", "exception", "result",
        }),
    ),
)  # fmt: skip
# What a call may use, not what it used; and rates.
_NO_COUNT = frozenset({"max", "limit", "window", "per", "tps", "tokenizer", "id", "type"})
_SHORT = {"input": "tokens", "output": "tokens", "usage": "tokens", "total": "tokens"}


def looks_like(name: str) -> str | None:
    """What a column that nothing is known of seems to hold: `tokens`, `a cost` …; None: neither."""
    words = words_of(name)
    if not _NO_COUNT.isdisjoint(words):
        return None
    key = loose(name)
    for what, telling in _LOOKS:
        if not telling.isdisjoint(words):
            return what
    if key.endswith(("tokens", "tokencount")):
        return "tokens"
    if key.endswith(("cost", "usd")):
        return "a cost"
    return _SHORT.get(key)
