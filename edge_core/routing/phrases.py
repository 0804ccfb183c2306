"""What can be said about a decision of routing, sentence by sentence, in English and Chinese (`wording` says it).

Each phrase has the same named fields in both languages; amounts and times arrive in them ready to be read. The phrases
of constraints, parts and changes are found by their names, so a constraint without a phrase is a test that fails.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple


class Phrase(NamedTuple):
    """One sentence, or a piece of one, in both languages."""

    en: str
    zh: str


_DECISION: Final = {
    "title.decision": Phrase("Decision", "决定"),
    "decision.fulfil_here": Phrase("The store sends it itself.", "由本店发货。"),
    "decision.other_store": Phrase("Another store sends it, or a part of it.", "由其他门店发货（全部或部分）。"),
    "decision.warehouse": Phrase(
        "A warehouse or a supplier sends it, or a part of it.", "由仓库或供应商发货（全部或部分）。"
    ),
    "decision.pickup": Phrase("The customer fetches it.", "由顾客到店自取。"),
    "decision.backorder": Phrase("It waits for goods, or a part of it does.", "等待到货（全部或部分）。"),
    "decision.manual": Phrase("A person has to decide.", "需要人工处理。"),
    "manual.no_active_hold": Phrase(
        "The order is held: nothing goes before it is approved.", "订单被暂挂，批准之前不发货。"
    ),
    "manual.attempts_left": Phrase(
        "Enough places were asked; none is asked any more.", "已询问足够多的地点，不再继续询问。"
    ),
    "manual.no_plan": Phrase(
        "The places that remain cannot send everything in {parcels} or fewer, or no tariff takes the weight.",
        "剩余地点无法在至多 {parcels}内发出全部商品，或没有运价适用于该重量。",
    ),
    "manual.goods": Phrase(
        "No place can send {goods}: the constraint of each place is told below.",
        "没有地点能发出 {goods}：各地点未满足的约束见下。",
    ),
    "decision.cost": Phrase("All together it counts for {cost}.", "合计 {cost}。"),
    "decision.arrives": Phrase("All of it is there by {at}.", "全部商品于 {at} 前送达。"),
    "decision.truncated": Phrase(
        "The search was cut short by its bounds: the plan can be carried out, and there may be a better one.",
        "搜索因达到上限而中止：此方案可行，但可能存在更优方案。",
    ),
    "decision.zone": Phrase("Times are those of {zone}.", "时间均为 {zone} 时区。"),
}

_PARCEL: Final = {
    "title.parcel": Phrase("Parcel {number} of {parcels}: {what}", "第 {number}/{parcels} 个包裹：{what}"),
    "parcel.sent": Phrase("{place} by {service} ({mode})", "{place} 经 {service}（{mode}）"),
    "parcel.waits": Phrase("waits for goods", "等待到货"),
    "goods": Phrase("{quantity} of {sku}", "{sku} {quantity}"),
    "parcel.goods": Phrase("Goods: {goods}; {weight}.", "商品：{goods}；{weight}。"),
    "parcel.early": Phrase(
        "Arrives {at}, {span} before the promise ({promise}).", "{at} 送达，比承诺（{promise}）提前 {span}。"
    ),
    "parcel.late": Phrase(
        "Arrives {at}, {span} after the promise ({promise}).", "{at} 送达，比承诺（{promise}）晚 {span}。"
    ),
    "parcel.punctual": Phrase("Arrives {at}, as promised.", "{at} 送达，恰为承诺时间。"),
    "parcel.distance": Phrase("{distance} in a straight line; {carbon}.", "直线距离 {distance}；{carbon}。"),
    "parcel.cost": Phrase("Counts for {cost}: {parts}.", "计 {cost}：{parts}。"),
    "parcel.free": Phrase("Counts for nothing.", "不计成本。"),
    "part": Phrase("{part} {cost}", "{part} {cost}"),
}

_CANDIDATES: Final = {
    "title.candidates": Phrase("Places that were weighed", "比较过的地点"),
    "candidates.none": Phrase("No place is known.", "没有已知地点。"),
    "candidate.place": Phrase("{kind}, {distance}", "{kind}，{distance}"),
    "candidate": Phrase("{place} ({what}): {verdict}", "{place}（{what}）：{verdict}"),
    "candidate.taken": Phrase("is in the plan.", "已列入方案。"),
    "candidate.partly": Phrase("sends a part; not everything, since {why}.", "发出一部分；不能发出全部：{why}。"),
    "candidate.dearer": Phrase("could send everything, at no lower cost.", "可发出全部商品，但成本并不更低。"),
    "candidate.passes": Phrase("could send everything.", "可发出全部商品。"),
    "candidate.able": Phrase(
        "could send {lines}; not everything, since {why}.", "可发出 {lines}；不能发出全部：{why}。"
    ),
    "candidate.refused": Phrase("can send nothing, since {why}.", "不能发货：{why}。"),
}

_CONSTRAINTS: Final = {
    "constraint.pickup_place": Phrase("the customer fetches the goods at {pickup}", "顾客在 {pickup} 自取"),
    "constraint.not_excluded": Phrase(
        "it said no or had not enough a moment ago, and is left alone for a while", "它不久前拒单或缺货，暂不再询问"
    ),
    "constraint.active": Phrase("it is not in use", "该地点未启用"),
    "constraint.open": Phrase("nobody is there before the goods would have to leave", "发货时限之前无人营业"),
    "constraint.accepting": Phrase("it takes no orders now", "该地点目前不接单"),
    "constraint.supplier_place": Phrase(
        "{sku} may come from {kinds} alone, as its supplier says", "按供应商规定，{sku} 只能来自{kinds}"
    ),
    "constraint.rights": Phrase(
        "it may promise {has} of {sku}, {wants} wanted, {lacks} short", "{sku} 可承诺 {has}，需要 {wants}，缺 {lacks}"
    ),
    "constraint.supplier_minimum": Phrase(
        "{has} of {sku} wanted, and its supplier delivers {wants} at least, {lacks} more",
        "{sku} 只需 {has}，供应商至少供 {wants}，还差 {lacks}",
    ),
    "constraint.capacity": Phrase(
        "it can still pick {has} today, {wants} wanted, {lacks} too many",
        "今日还能拣货 {has}，需要 {wants}，超出 {lacks}",
    ),
    "constraint.service": Phrase("no carrier calls there", "没有承运服务到该地点取货"),
    "constraint.carrier_running": Phrase("{service} does not run", "{service} 停运"),
    "constraint.extras": Phrase(
        "{service} does {has} of {wants} things that the customer wants besides: it does not {extras}",
        "顾客要求 {wants} 项附加服务，{service} 提供 {has} 项：不提供{extras}",
    ),
    "constraint.handling": Phrase(
        "{service} is not equipped for {traits}, which {sku} needs{sources}",
        "{service} 不具备{traits}运输条件，而 {sku} 需要{sources}",
    ),
    "handling.sources": Phrase(" (says {sources})", "（依据 {sources}）"),
    "constraint.regional_policy": Phrase(
        "of {sku} by {service} it is said: {bar}", "关于以 {service} 发运 {sku}，有规定：{bar}"
    ),
    "constraint.transit": Phrase(
        "{service} takes {has} and the policy lets it take {wants}, {lacks} too long",
        "{service} 在途 {has}，策略只允许 {wants}，超出 {lacks}",
    ),
    "constraint.shelf_life": Phrase(
        "{sku} keeps until {has} and by {service} would have to keep until {wants}, {lacks} longer",
        "{sku} 保质到 {has}，以 {service} 发运须保质到 {wants}，差 {lacks}",
    ),
    "constraint.cut_off": Phrase(
        "{service} arrives {has}, {lacks} after the promise ({wants}) that the policy keeps",
        "{service} 于 {has} 送达，比必须遵守的承诺（{wants}）晚 {lacks}",
    ),
    "rights.safety": Phrase(" ({safety} kept for safety)", "（另留安全库存 {safety}）"),
}

_RULES: Final = {
    "bar": Phrase("no {goods} {mode} to {region} ({source})", "{goods}不得{mode}发往{region}（{source}）"),
    "bar.goods": Phrase("{trait} goods", "{trait}商品"),
    "bar.goods.sku": Phrase("{sku}", "{sku} "),
    "bar.goods.any": Phrase("goods", "任何商品"),
    "bar.mode": Phrase("by {mode}", "以{mode}方式"),
    "bar.mode.any": Phrase("by anything", "以任何方式"),
    "bar.region": Phrase("{region}", " {region} "),
    "bar.region.any": Phrase("any region", "任何地区"),
    "require": Phrase(
        "{goods} go by what is equipped for {carries} ({source})", "{goods}须以{carries}方式运输（{source}）"
    ),
    "require.goods.any": Phrase("all goods", "全部商品"),
    "bar.law": Phrase("By law: {bar}.", "法规：{bar}。"),
    "bar.policy": Phrase("By the policy: {bar}.", "策略：{bar}。"),
    "require.policy": Phrase("By the policy: {require}.", "策略：{require}。"),
}

_REASONS: Final = {
    "title.reasons": Phrase("Why", "依据"),
    "reason.ship": Phrase("The goods are sent to {region}.", "发往地区 {region}。"),
    "reason.pickup": Phrase("The customer fetches the goods at {place}.", "顾客在 {place} 自取。"),
    "reason.tier": Phrase("The customer is of tier {tier}.", "顾客等级 {tier}。"),
    "reason.preference": Phrase("The customer prefers what is {preference}.", "顾客偏好：{preference}。"),
    "reason.extras": Phrase("The customer wants besides: {extras}.", "顾客另需：{extras}。"),
    "reason.policy": Phrase(
        "Policy {policy}, published {span} before ({at}).", "策略 {policy}，发布于 {span}前（{at}）。"
    ),
    "reason.policy.own": Phrase("Policy {policy}, which comes with the software.", "策略 {policy}（软件自带）。"),
    "reason.fallback": Phrase(
        "A signal was active: these are the prices for that time.", "当时有告警信号，使用备用策略。"
    ),
    "reason.built_in": Phrase(
        "The policies could not be asked: these are the built-in prices.", "策略无法执行，使用内置计价。"
    ),
    "reason.share": Phrase("The order is in the share of the experiment {arm}.", "订单属于实验 {arm} 的分组。"),
    "reason.facts": Phrase("What the policy was told: {facts}.", "策略所见：{facts}。"),
    "reason.prices": Phrase("What the policy counts: {prices}.", "策略的计价：{prices}。"),
    "reason.parcels": Phrase("The policy lets it go in {parcels} at most.", "策略允许至多分为 {parcels}。"),
    "reason.keeps": Phrase("The policy sends nothing that would be late.", "策略要求不得晚于承诺送达。"),
    "reason.transit": Phrase(
        "The policy lets nothing be on the way for longer than {span}.", "策略规定在途不得超过 {span}。"
    ),
    "reason.detour": Phrase(
        "Roads are taken to be {times} times the straight line.", "道路里程按直线距离的 {times} 倍计。"
    ),
    "reason.first": Phrase("It is picked and packed before other orders.", "优先拣货打包。"),
    "price.parcel": Phrase("a parcel {cost}", "每个包裹 {cost}"),
    "price.late_hour": Phrase("an hour late {cost}", "每迟到一小时 {cost}"),
    "price.hour": Phrase("an hour on the way {cost}", "在途每小时 {cost}"),
    "price.carbon_kg": Phrase("a kilogram of CO2e {cost}", "每千克 CO2e {cost}"),
    "price.reject": Phrase("a refusal {cost}", "每次拒单 {cost}"),
    "price.backorder": Phrase("a line that waits {cost}", "每行等待 {cost}"),
    "price.km": Phrase("a kilometre {cost}", "每公里 {cost}"),
    "price.store": Phrase("a parcel from a store {cost}", "门店发出的每个包裹 {cost}"),
    "price.warehouse": Phrase("a parcel from a warehouse {cost}", "仓库发出的每个包裹 {cost}"),
    "price.supplier": Phrase("a parcel from a supplier {cost}", "供应商发出的每个包裹 {cost}"),
    "price.expiry_day": Phrase(
        "a unit sold a day nearer to its expiry, within {days}, is worth {cost}",
        "{days}内临期商品每早一天售出一件值 {cost}",
    ),
}

_OTHERWISE: Final = {
    "and": Phrase(" and ", "且"),
    "title.runner_up": Phrase("The next best", "次优方案"),
    "runner_up.none": Phrase("There is no other plan.", "没有其他方案。"),
    "runner_up.dearer": Phrase("{parcels}: {margin} dearer.", "{parcels}：高 {margin}。"),
    "runner_up.equal": Phrase(
        "{parcels}: the same cost; of equals the nearer place is taken, then the first by its id.",
        "{parcels}：成本相同；成本相同时取较近者，再取编号在前者。",
    ),
    "runner_up.sent": Phrase("{place} by {service} with {skus}", "{place} 经 {service} 发 {skus}"),
    "runner_up.waits": Phrase("{skus} waiting for goods", "{skus} 等待到货"),
    "title.changes": Phrase("What would have changed it", "什么会改变结果"),
    "changes.none": Phrase("Nothing that a single place lacked.", "任何单个地点的改变都不会改变结果。"),
    "change.cheaper": Phrase(
        "If {given}: {place} would send, and the whole would count for {cost}, {saves} less.",
        "若 {given}，则由 {place} 发货，合计 {cost}，少 {saves}。",
    ),
    "change.equal": Phrase(
        "If {given}: {place} would send, and the whole would count for {cost}.",
        "若 {given}，则由 {place} 发货，合计 {cost}。",
    ),
    "change.plan": Phrase(
        "If {given}: {place} would send, and there would be a plan, for {cost}.",
        "若 {given}，则由 {place} 发货，方案成立，合计 {cost}。",
    ),
    "given.not_excluded": Phrase("{place} were asked again", "{place} 被再次询问"),
    "given.active": Phrase("{place} were in use", "{place} 已启用"),
    "given.open": Phrase("{place} were open in time", "{place} 在时限前营业"),
    "given.accepting": Phrase("{place} took orders", "{place} 接单"),
    "given.capacity": Phrase("{place} could pick {lacks} more", "{place} 还能多拣 {lacks}"),
    "given.rights": Phrase("{place} had {lacks} more of {sku}", "{place} 的 {sku} 多 {lacks}"),
    "given.supplier_minimum": Phrase(
        "{place} could order {has} of {sku} instead of {wants} at least", "{place} 的 {sku} 起订量由 {wants}降为 {has}"
    ),
    "given.shelf_life": Phrase("{sku} at {place} kept {lacks} longer", "{place} 的 {sku} 保质期长 {lacks}"),
    "given.carrier_running": Phrase("{service} ran from {place}", "{place} 的 {service} 正常运行"),
    "given.cut_off": Phrase("{service} left {place} {lacks} sooner", "{service} 从 {place} 早出发 {lacks}"),
}

_SOURCES: Final = {
    "title.sources": Phrase("What it is based on", "数据来源"),
    "source": Phrase(
        "{place}: stock from {stock}, {stock_age}; capacity from {capacity}, {capacity_age}.",
        "{place}：库存来自{stock}（{stock_age}）；产能来自{capacity}（{capacity_age}）。",
    ),
    "dataset": Phrase("Dataset {dataset}, {age}.", "数据集 {dataset}（{age}）。"),
    "age.now": Phrase("as of that moment", "当时的数据"),
    "age.past": Phrase("{span} old", "{span}前的数据"),
    "proof": Phrase("Asked {at}; the question's hash is {hash}.", "询问时间 {at}；问题的哈希为 {hash}。"),
}

PHRASES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {**_DECISION, **_PARCEL, **_CANDIDATES, **_CONSTRAINTS, **_RULES, **_REASONS, **_OTHERWISE, **_SOURCES}
)
