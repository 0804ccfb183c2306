"""Orders as channels send them, over HTTP: taken once, refused with the field that is wrong, signed by the shop."""

import base64
import copy
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import Struct

from central_sync.channels import load_channels
from holdfast_runtime.config import ConfigError
from holdfast_runtime.tokens import TokenFile
from tests.rigs.agents import slug
from tests.rigs.brokers import Broker
from tests.rigs.centre import RunningCentre, running_centre

FIXTURES = Path(__file__).parents[1] / "fixtures/channels"
SECRET = "hush-of-the-berlin-shop"
SHOPS = f"""
[berlin-shop]
mapping = "shopify"
secret = "{SECRET}"
given = {{ store_id = "store-0001" }}

[hamburg-shop]
mapping = "woocommerce"
secret = "{SECRET}-2"
given = {{ store_id = "store-0002" }}

[bremen-shop]
mapping = "woocommerce"
secret = "{SECRET}-3"
given = {{ store_id = "store-0003" }}
"""
BERLIN = "/v1/channels/berlin-shop/orders"
Edit = Callable[[bytes], bytes]


class Case(Struct, frozen=True):
    """A channel that ships: its fixture, what it asks for, the orders in it, and a mistake with the field it is in."""

    channel: str
    file: str
    orders: int
    given: dict[str, str]
    spoil: Edit
    pointer: str

    @property
    def path(self) -> str:
        """Where its orders are sent."""
        return f"/v1/channels/{self.channel}/orders"

    @property
    def body(self) -> bytes:
        """What it sends."""
        return (FIXTURES / self.file).read_bytes()


def edited(change: Callable[[Any], None]) -> Edit:
    """A change of a JSON document."""

    def edit(body: bytes) -> bytes:
        document = msgspec.json.decode(body)
        change(document)
        return msgspec.json.encode(document)

    return edit


STORE = {"store_id": "store-0001"}
CASES = (
    Case(
        "shopify",
        "shopify.json",
        1,
        STORE,
        edited(lambda order: order["line_items"][1].update(price="12.345")),
        "/line_items/1/price",
    ),
    Case(
        "woocommerce",
        "woocommerce.json",
        1,
        STORE,
        edited(lambda order: order.update(total="42.63")),
        "/total",
    ),
    Case(
        "csv",
        "csv.csv",
        2,
        {**STORE, "utc_offset": "+01:00"},
        lambda body: body.replace(b"12.90", b"12,90").replace(b"1.275,KGM,12,90", b'1.275,KGM,"12,90"'),
        "/0/rows/1/unit_price",
    ),
)


@pytest.fixture
async def centre(nats: Broker, centre_dsn: str, tmp_path: Path) -> AsyncIterator[RunningCentre]:
    """A centre with tokens and with shops; requests without a header carry none."""
    shops, tokens = tmp_path / "channels.toml", TokenFile(tmp_path / "tokens.json")
    shops.write_text(SHOPS)
    token = tokens.add("importer", ["order", "read"])
    async with running_centre(
        centre_dsn, nats.url, tokens_file=tmp_path / "tokens.json", channels_file=shops
    ) as running:
        running.http.headers["x-test-token"] = token
        yield running


def bearer(centre: RunningCentre) -> dict[str, str]:
    return {"authorization": f"Bearer {centre.http.headers['x-test-token']}"}


def signature(body: bytes, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


async def send(centre: RunningCentre, case: Case, body: bytes | None = None) -> httpx.Response:
    """Send what a channel sends, with a token."""
    return await centre.http.post(case.path, content=body or case.body, params=case.given, headers=bearer(centre))


async def hook(centre: RunningCentre, body: bytes, signed: str | None = None, path: str = BERLIN) -> httpx.Response:
    """Send what a shop sends by itself: no token, a signature."""
    name = b"x-shopify-hmac-sha256" if path == BERLIN else b"x-wc-webhook-signature"
    text = signature(body) if signed is None else signed
    return await centre.http.post(path, content=body, headers={name: text.encode("latin-1")})


async def orders(centre: RunningCentre) -> list[dict[str, Any]]:
    """The centre's own orders."""
    answer = await centre.http.get("/v1/assignments", headers=bearer(centre))
    found: list[dict[str, Any]] = answer.json()["assignments"]
    return found


async def refusals(centre: RunningCentre) -> list[dict[str, Any]]:
    """What shops sent and the centre did not take."""
    answer = await centre.http.get("/v1/channels/refused", headers=bearer(centre))
    found: list[dict[str, Any]] = answer.json()["refused"]
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.channel)
async def test_what_a_channel_sends_is_taken_once_however_often_it_is_sent(centre: RunningCentre, case: Case) -> None:
    first = await send(centre, case)
    assert first.status_code == 201, first.text
    assert len(first.json()["taken"]) == case.orders
    again = await send(centre, case)
    assert (again.status_code, again.json()) == (201, first.json())
    assert len(await orders(centre)) == case.orders


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.channel)
async def test_a_refusal_points_to_the_field_that_the_channel_sent(centre: RunningCentre, case: Case) -> None:
    answer = await send(centre, case, case.spoil(case.body))
    document = answer.json()
    refused = document if "refused" not in document else document["refused"][0]
    assert refused["pointer"] == case.pointer, document
    assert "of the order)" in refused["detail"]
    assert len(await orders(centre)) == case.orders - 1, "the others go on"


async def test_the_same_name_with_another_content_is_refused_and_the_order_stays(centre: RunningCentre) -> None:
    case = CASES[0]
    assert (await send(centre, case)).status_code == 201
    other = edited(lambda order: order.update(name="#1002"))(case.body)
    assert slug(await send(centre, case, other)) == "idempotency-key-reused"
    assert len(await orders(centre)) == 1


@pytest.mark.parametrize(
    "name", ["a\x00b", "x" * 200, "", None, {"a": 1}, "line\nbreak", True], ids=lambda name: repr(name)[:12]
)
async def test_an_order_whose_name_cannot_be_a_key_is_refused(centre: RunningCentre, name: object) -> None:
    body = edited(lambda order: order.update(id=name))(CASES[0].body)
    assert slug(await send(centre, CASES[0], body)) == "channel-order-unmapped"
    assert await orders(centre) == []


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"\xff", b"[" * 100_000, b"[" + b"{}," * 200 + b"{}]"])
async def test_rubbish_is_answered_and_nothing_is_kept(centre: RunningCentre, body: bytes) -> None:
    answer = await centre.http.post(CASES[0].path, content=body, params=STORE, headers=bearer(centre))
    assert answer.status_code < 500
    assert await orders(centre) == []


async def test_what_the_mapping_asks_for_has_to_be_given(centre: RunningCentre) -> None:
    answer = await centre.http.post(CASES[2].path, content=CASES[2].body, params=STORE, headers=bearer(centre))
    assert (slug(answer), "utc_offset" in answer.text) == ("invalid-parameter", True)
    answer = await centre.http.post("/v1/channels/amazon/orders", content=b"{}", headers=bearer(centre))
    assert slug(answer) == "channel-not-found"


async def test_a_shop_signs_and_needs_no_token_and_its_order_carries_its_name(centre: RunningCentre) -> None:
    body = CASES[0].body
    answer = await hook(centre, body)
    assert answer.status_code == 201, answer.text
    assert (await hook(centre, body)).json() == answer.json()
    assert [order["channel"] for order in await orders(centre)] == ["berlin-shop"]


async def test_nothing_is_taken_without_the_right_signature(centre: RunningCentre) -> None:
    body = CASES[0].body
    for wrong in (
        "",
        "x",
        "\u00e9",
        signature(body, "another"),
        signature(body + b" "),
        hashlib.sha256(body).hexdigest(),
    ):
        assert slug(await hook(centre, body, wrong)) == "signature-wrong", wrong
    assert slug(await centre.http.post(BERLIN, content=body)) == "signature-wrong"
    assert slug(await centre.http.post(BERLIN, content=body, headers={"authorization": "Bearer no"})) == "token-unknown"
    assert slug(await centre.http.post(CASES[0].path, content=body, params=STORE)) == "token-missing"
    assert slug(await centre.http.post("/v1/channels/none/orders", content=body)) == "token-missing"
    assert await orders(centre) == []


async def test_two_shops_that_number_their_orders_alike_have_an_order_each(centre: RunningCentre) -> None:
    body = CASES[1].body
    for name, secret in (("hamburg-shop", f"{SECRET}-2"), ("bremen-shop", f"{SECRET}-3")):
        answer = await hook(centre, body, signature(body, secret), f"/v1/channels/{name}/orders")
        assert answer.status_code == 201, answer.text
    assert sorted(order["channel"] for order in await orders(centre)) == ["bremen-shop", "hamburg-shop"]


async def test_a_shop_that_asks_whether_somebody_is_here_hears_yes(centre: RunningCentre) -> None:
    assert (await centre.http.post("/v1/channels/bremen-shop/orders", content=b"webhook_id=42")).status_code == 200
    assert slug(await centre.http.post("/v1/channels/bremen-shop/orders", content=b"webhook_id=x")) == "signature-wrong"


async def test_what_a_shop_sent_and_was_refused_is_answered_200_and_kept_until_it_is_taken(
    centre: RunningCentre,
) -> None:
    """A shop switches off a webhook that is answered with errors."""
    body = CASES[0].body
    wrong = CASES[0].spoil(body)
    for times in (1, 2):
        answer = await hook(centre, wrong)
        assert (answer.status_code, answer.json()["taken"]) == (200, [])
        (kept,) = await refusals(centre)
        assert (kept["channel"], kept["key"], kept["times"]) == ("berlin-shop", "berlin-shop:6200354537772", times)
        assert (kept["pointer"], kept["type"]) == ("/line_items/1/price", "urn:holdfast:problem:channel-order-unmapped")
    assert (await hook(centre, b"no JSON")).status_code == 200
    assert [each["key"] for each in await refusals(centre)] == [None, "berlin-shop:6200354537772"]
    assert (await hook(centre, body)).status_code == 201
    assert [each["key"] for each in await refusals(centre)] == [None]
    metrics = (await centre.http.get("/metrics")).text
    assert 'central_channel_orders_total{outcome="refused"} 3.0' in metrics


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[shop]\nmapping = "shopify"\nsecret = "short"', "length >= 16"),
        (f'[shop]\nmapping = "shopify"\nsecret = "{SECRET}"', "given values for store_id"),
        (f'[shop]\nmapping = "csv"\nsecret = "{SECRET}"', "expected no secret"),
        ('[shop]\nmapping = "none.json"', "a mapping that ships (csv, shopify, woocommerce)"),
        ('["Big Shop"]\nmapping = "csv"', "a name of small letters"),
        ('[shop]\nmapping = "csv"\nsercet = "x"', "sercet"),
        ("[shop", "valid TOML"),
    ],
)
def test_a_mistake_in_the_file_of_shops_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "channels.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_channels(path)
    assert says in str(caught.value)


def test_a_shop_may_have_a_mapping_of_its_own_beside_the_file(tmp_path: Path) -> None:
    document = msgspec.json.decode((Path("edge_core/channels/documents") / "shopify.json").read_bytes())
    own = copy.deepcopy(document) | {"signature": "X-Desk-Signature", "given": ["store_id"]}
    (tmp_path / "desk.json").write_bytes(msgspec.json.encode(own))
    path = tmp_path / "channels.toml"
    path.write_text(f'[desk]\nmapping = "desk.json"\nsecret = "{SECRET}"\ngiven = {{ store_id = "s" }}')
    found = load_channels(path)
    assert (found["desk"].mapping.channel, found["desk"].mapping.signature) == ("desk", "X-Desk-Signature")
    assert set(found) == {"csv", "shopify", "woocommerce", "desk"}
