"""The words for what routing counts and names, in English and Chinese: one table for explanations and for rules.

A group holds the values of one closed list (`docs/routing.md` names them all). What a chain names itself (a tier, a
region, a service) is not in here and is told as it is.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

Lang = Literal["en", "zh"]


class Term(NamedTuple):
    """One thing in both languages; `one` is the English singular, where things are counted."""

    en: str
    zh: str
    one: str = ""


TERMS: Final[Mapping[str, Mapping[str, Term]]] = MappingProxyType(
    {
        "place": {
            "store": Term("store", "门店"),
            "warehouse": Term("warehouse", "仓库"),
            "supplier": Term("supplier", "供应商"),
        },
        "mode": {
            "road": Term("road", "公路"),
            "rail": Term("rail", "铁路"),
            "air": Term("air", "航空"),
            "sea": Term("sea", "海运"),
            "bicycle": Term("bicycle", "自行车"),
            "foot": Term("foot", "步行"),
        },
        "trait": {
            "cold": Term("cold", "冷藏"),
            "fragile": Term("fragile", "易碎"),
            "liquid": Term("liquid", "液体"),
            "hazardous": Term("hazardous", "危险品"),
            "insured": Term("insured", "保价"),
            "age_restricted": Term("age-restricted", "限龄"),
        },
        "preference": {
            "fastest": Term("fastest", "最快"),
            "cheapest": Term("cheapest", "最省"),
            "greenest": Term("greenest", "最环保"),
        },
        "extra": {
            "install": Term("install", "安装"),
            "take_back": Term("take the old one back", "回收旧件"),
        },
        "part": {
            "shipping": Term("shipping", "运费"),
            "handling": Term("handling", "处理费"),
            "split": Term("parcel", "包裹"),
            "lateness": Term("lateness", "迟到"),
            "time": Term("time on the way", "在途时间"),
            "stock": Term("stock", "库存"),
            "reject": Term("risk of refusal", "拒单风险"),
            "carbon": Term("carbon", "碳排放"),
            "policy": Term("policy", "策略"),
            "backorder": Term("waiting for goods", "缺货等待"),
        },
        "source": {
            "ledger": Term("the store's own ledger", "本店台账"),
            "open orders": Term("the store's open orders", "本店未完成订单"),
            "stock-view": Term("the centre's view of stock", "中心的库存视图"),
        },
        "count": {
            "units": Term("units", "件", one="unit"),
            "lines": Term("lines", "行", one="line"),
            "parcels": Term("parcels", "个包裹", one="parcel"),
            "days": Term("days", "天", one="day"),
            "hours": Term("hours", "小时", one="hour"),
            "minutes": Term("minutes", "分钟", one="minute"),
            "seconds": Term("seconds", "秒", one="second"),
            "milliseconds": Term("milliseconds", "毫秒", one="millisecond"),
        },
    }
)


def term(group: str, word: str, lang: Lang) -> str:
    """A word of a group in a language; one that is not in the table as it is."""
    found = TERMS[group].get(word)
    return word if found is None else found.zh if lang == "zh" else found.en


def counted(noun: str, number: str, lang: Lang) -> str:
    """A number, written out, with what it counts: `1 unit`, `2 units`, `2 件`."""
    of = TERMS["count"][noun]
    if lang == "zh":
        return f"{number} {of.zh}"
    return f"{number} {of.one if number == '1' else of.en}"
