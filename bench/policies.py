"""What policies cost: how many are asked in a second, and what an agent holds that has twenty of them loaded."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Final

from msgspec.structs import replace

from bench.house import Agent, Tills, memory
from bench.load import Job
from bench.results import Row, say
from edge_core.policy.bundle import Bundle, encode_bundle
from edge_core.policy.documents import Policy
from edge_core.policy.engine import read_graph
from edge_core.policy.keys import key_id
from edge_core.policy.pricing import Policies
from edge_core.policy.schema import named
from edge_core.policy.signing import public_key, signed
from edge_core.routing.facts import Facts
from holdfast_runtime.policies import bundled_policies, bundled_release
from tests.rigs.policies import ELSE, policy, table
from tests.rigs.routing import NOW_MS, question

POLICIES: Final = 20
_ROWS: Final = 200
_ORDERS: Final = 2_000
_TILLS: Final = 16
_SELL_S: Final = 3.0
_SEED: Final = bytes(range(32))
_FACTS: Final = Facts(
    channel="web", tier="gold", preference="fastest", country="CN", region="CN-HI", lines=3, units_milli=5_000,
    liquid_lines=1, liquid_units_milli=3_000, cold_lines=1, margin_ppm=350_000, value_minor=12_900,
)  # fmt: skip


async def measure_policies(folder: Path, *, rounds: int) -> list[Row]:
    """Rows for policies; the floor of an evaluation is the engine alone, without what the product checks around it."""
    bundle = twenty()
    speed = [(_asked_per_s(bundle), _bare_per_s(bundle)) for _ in range(rounds)]
    held, light = await _held(folder / "policies", bundle), await _held(folder / "no-policies", None)
    say(f"  memory: {POLICIES} policies loaded {held:.1f} MB at most, none {light:.1f}")
    return [
        Row("policy_evals_per_s", median(a for a, _ in speed), "1/s", median(b for _, b in speed)),
        Row("agent_rss_mb_policies", held, "MB", light),
    ]


def twenty() -> Bundle:
    """The policies that come with the product, and tables of two hundred rows beside them."""
    own = bundled_policies()
    rows = [{"if tier": f"'t{n}'", "if value_minor": f"> {n}", "hour_minor": str(n)} for n in range(_ROWS)]
    large = [policy(f"large_{n}", table([*rows, dict(ELSE)])) for n in range(POLICIES - len(own))]
    policies: tuple[Policy, ...] = (*own, *large)
    return Bundle(signed(bundled_release(number=1, made_at_ms=NOW_MS), policies, _SEED), policies)


def _asked_per_s(bundle: Bundle) -> float:
    """Policies asked in a second for orders' prices, each order of the seven layers of the release."""
    policies = Policies(bundle.release, bundle.policies)
    asked = replace(question(), facts=_FACTS)
    began = time.perf_counter()
    for number in range(_ORDERS):
        policies.priced(asked, f"order-{number}", NOW_MS)
    return _ORDERS * len(bundle.release.layers) / (time.perf_counter() - began)


def _bare_per_s(bundle: Bundle) -> float:
    import zen  # noqa: PLC0415 - as the product does: a bench of something else does not load it

    content = {each.policy_id: read_graph(each) for each in bundle.policies}
    engine = zen.ZenEngine({"loader": {"type": "static", "content": content}})
    facts = named(_FACTS)
    began = time.perf_counter()
    for _ in range(_ORDERS):
        for policy_id in bundle.release.layers:
            engine.evaluate(policy_id, facts)
    return _ORDERS * len(bundle.release.layers) / (time.perf_counter() - began)


async def _held(folder: Path, bundle: Bundle | None) -> float:
    """What an agent holds at most that was started with a bundle in its file and has sold for a while."""
    agent = Agent(folder)
    await agent.service.start()
    await agent.receive_stock()
    if bundle is not None:
        assert (await agent.service.terminate()) == 0
        _put(agent, folder, bundle)
        await agent.service.start()
    tills = Tills()
    try:
        tills.run(Job(agent.port, agent.token, connections=_TILLS, seconds=_SELL_S))
        peak_mb = memory(agent.pid).peak_rss_mb
        assert (await agent.service.terminate()) == 0
    finally:
        tills.close()
        agent.service.child.stop()
    return peak_mb


def _put(agent: Agent, folder: Path, bundle: Bundle) -> None:
    """As the agent keeps a bundle that has passed its trial."""
    key = public_key(_SEED)
    (folder / "policy-keys").write_text(f"{key.hex()}\n")
    sql = "INSERT INTO policy_bundle (slot, number, key_id, body, used_since_ms) VALUES (?, ?, ?, ?, ?)"
    row = (1, bundle.release.number, key_id(key), encode_bundle(bundle), NOW_MS)
    with closing(sqlite3.connect(agent.file)) as file, file:
        file.execute(sql, row)
