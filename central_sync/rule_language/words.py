"""Every word of the language, in English and Chinese: what a sentence may say, and what each word stands for.

A class is a terminal of the grammar. Its words are all that may stand there, the first of a language being the one that
sentences are told with; so the page of words, the lexer and the errors cannot differ. A chain adds words of its own for
its tiers, regions and channels (`vocabulary`).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from edge_core.orders.currency import CURRENCIES
from edge_core.routing.terms import Lang


class Word(Struct, frozen=True):
    """One thing that can be said: what it stands for, and how, the usual way first.

    What is counted in English (`UNIT` and the like) has the singular second. A word that a language has no use for is
    empty there.
    """

    value: str
    en: tuple[str, ...]
    zh: tuple[str, ...]

    def said(self, lang: Lang) -> tuple[str, ...]:
        """How it is said in a language; the usual way first."""
        return self.zh if lang == "zh" else self.en


Words = Mapping[str, tuple[Word, ...]]


def _word(value: str, en: str, zh: str) -> Word:
    """Ways of saying it stand between bars."""
    return Word(value, *(tuple(filter(None, way.split("|"))) for way in (en, zh)))


def _only(**classes: tuple[str, str]) -> dict[str, tuple[Word, ...]]:
    """Classes of one thing each: the words that hold a sentence together."""
    return {name: (_word(name, en, zh),) for name, (en, zh) in classes.items()}


_JOINTS: Final = _only(
    WHEN=("when|if", "当|如果|若"),
    ALWAYS=("for every order|always", "凡订单|一律|总是"),
    THEN=("then", "则|那么|就"),
    OR=("or", "或|或者"),
    COMMA=(",", ",|、"),
    END=(".", "。|."),
    TIME=("", "时"),
)

# One class, though Chinese joins conditions and answers by other words: goods may stand at the end of both.
_AND: Final = (_word("AND", "and", "且|并且|而且"), _word("ALSO", "and", "并|以及"))

_CONDITIONS: Final = _only(
    HAS=("the order has|the order contains|order has", "订单含|订单包含|订单有"),
    HAS_NO=("the order has no|the order contains no|order has no", "订单不含|订单没有"),
    GOES_TO=("the goods go to|the destination is|it goes to", "收货地为|收货地是|发往"),
    NOT_TO=("the goods do not go to|the destination is not", "收货地不为|收货地不是|不发往"),
    COUNTRY=("the country is", "收货国家为|收货国家是"),
    CUSTOMER=(
        "the customer's tier is|the customer is a|the customer is an|the customer is",
        "客户为|客户是|顾客为|顾客是",
    ),
    CUSTOMER_NOT=(
        "the customer's tier is not|the customer is not a|the customer is not an|the customer is not",
        "客户不为|客户不是|顾客不是",
    ),
    MEMBER=("member|customer", "会员|客户|顾客"),
    PREFERS=("the customer prefers", "客户偏好|顾客偏好"),
    WANTS=("the customer wants", "客户需要|客户要求|顾客需要"),
    CHANNEL_IS=("the channel is", "渠道为|渠道是"),
    CURRENCY_IS=("the currency is", "币种为|币种是"),
    METHOD_IS=("the goods are", "配送方式为|配送方式是"),
    DAY_IS=("the day is", "日期为|日期是|今天是"),
    HOUR_IS=("the hour is", "时刻|时刻为|钟点"),
    VALUE_IS=("the value is|the order is worth", "订单金额|订单金额为|金额"),
    WEIGHT_IS=("the weight is|the order weighs", "订单重量|重量|总重"),
    MARGIN_IS=("the margin is", "毛利率|毛利率为"),
    PROMISE_IS=("the promise is", "承诺时间|承诺在"),
    ATTEMPTS_ARE=("the order was tried", "已尝试|尝试次数"),
    OFFLINE=("the store is offline", "门店离线|门店断网"),
    ONLINE=("the store is online", "门店在线|门店联网"),
    GOODS=("goods|items", "商品|货品|品"),
    OF=("of", "的"),
)

_UNITS: Final = {
    "UNIT": (_word("units", "units|unit|pieces|piece", "件|个"), _word("lines", "lines|line", "行|种")),
    **_only(
        KILOGRAMS=("kg|kilograms|kilogram", "kg|公斤|千克"),
        PERCENT=("%|percent", "%"),
        HOURS=("hours|hour", "小时"),
        DAYS=("days|day", "天|日"),
        TIMES=("times|time", "次"),
        CLOCK=("o'clock", "点"),
        MINOR=("minor units|minor unit", "最小货币单位"),
        PARCELS=("parcels|parcel", "个包裹|包裹"),
    ),
}

_NUMERALS: Final = {
    "DIGIT": tuple(
        _word(str(number), "", way) for number, way in enumerate("一 二|两 三 四 五 六 七 八 九".split(), 1)
    ),
    "TEN": (_word("10", "", "十"),),
    "HUNDRED": (_word("100", "", "百"),),
    "ZERO": (_word("0", "", "零"),),
}

_SIGNS: Final = {
    "SIGN": (
        _word(">=", "at least|no fewer than|no less than", "至少|不少于|不低于"),
        _word(">", "more than|over", "超过|多于|高于|大于"),
        _word("<=", "at most|no more than", "至多|最多|不超过|不多于|不高于"),
        _word("<", "less than|fewer than|under", "不足|少于|低于|不满|小于"),
        _word("==", "exactly", "恰好|正好|等于"),
    ),
    # By law (Civil Code of the PRC, article 1259) these include the number itself.
    "SIGN_AFTER": (
        _word(">=", "or more", "以上|及以上"),
        _word("<=", "or fewer|or less", "以下|及以下|以内"),
    ),
}

_ACTIONS: Final = _only(
    USE=("use", "使用|采用|用|走"),
    FOR=("for", ""),
    PICK_FIRST=("pick it first|sort it first|prioritize sorting", "优先分拣|优先拣货"),
    PICK_IN_TURN=("pick it in its turn", "按顺序分拣"),
    KEEP_PROMISE=("keep the promise", "必须按承诺送达|保证按时送达"),
    MAY_BE_LATE=("let it be late where that is better", "可以晚于承诺"),
    SEND_IN=("send it in at most", "至多分|最多分"),
    ON_THE_WAY=("let it be on the way for at most", "在途不超过|在途至多"),
    ANY_TIME=("let it be on the way for any time", "在途时间不限"),
    DO_NOT_SEND=("do not send", "不得|禁止"),
    SEND=("", "发运|运输"),
    BY=("by", "以"),
    WAY=("", "方式"),
    TO=("to", "发往"),
    COUNT=("count", ""),
    AS=("as", "计为|计"),
    LET_NO_LINE_WAIT=("let no line wait", "不允许缺货等待"),
    LOOK_AHEAD=("look for expiry within", "临期提前"),
    ALL_GOODS=("all goods|goods", "所有商品|全部商品"),
)

_VALUES: Final = {
    "TRAIT": (
        _word("cold", "cold|chilled", "冷藏"),
        _word("fragile", "fragile", "易碎"),
        _word("liquid", "liquid", "液体"),
        _word("hazardous", "hazardous|dangerous", "危险"),
        _word("insured", "insured", "保价"),
        _word("age_restricted", "age-restricted", "限龄"),
    ),
    "CARRIES": (
        _word("cold", "cold carriers|cold transport|refrigerated carriers", "冷运|冷链|冷藏运输"),
        _word("fragile", "fragile-goods carriers", "易碎品运输"),
        _word("liquid", "liquid-goods carriers", "液体运输"),
        _word("hazardous", "hazardous-goods carriers", "危险品运输|危运"),
        _word("insured", "insured carriers", "保价运输"),
        _word("age_restricted", "age-checking carriers", "限龄品运输"),
    ),
    "MODE": (
        _word("road", "road", "公路"),
        _word("rail", "rail|train", "铁路"),
        _word("air", "air|plane", "航空|空运"),
        _word("sea", "sea|ship", "海运|水运"),
        _word("bicycle", "bicycle", "自行车"),
        _word("foot", "foot", "步行"),
    ),
    "PREFERENCE": (
        _word("fastest", "the fastest|fastest", "最快"),
        _word("cheapest", "the cheapest|cheapest", "最省|最便宜"),
        _word("greenest", "the greenest|greenest", "最环保|最绿色"),
        _word("", "nothing in particular", "不限"),
    ),
    "EXTRA": (
        _word("wants_install", "installation|an installation", "安装"),
        _word("wants_take_back", "the old one taken back", "回收旧件|以旧换新"),
    ),
    "METHOD": (_word("ship", "sent", "发货|快递"), _word("pickup", "fetched", "自提|自取")),
    "DAY": (
        _word("1", "Monday", "周一|星期一"),
        _word("2", "Tuesday", "周二|星期二"),
        _word("3", "Wednesday", "周三|星期三"),
        _word("4", "Thursday", "周四|星期四"),
        _word("5", "Friday", "周五|星期五"),
        _word("6", "Saturday", "周六|星期六"),
        _word("7", "Sunday", "周日|星期日|星期天"),
    ),
    "PRICE": (
        _word("parcel_minor", "a parcel", "每个包裹"),
        _word("late_hour_minor", "an hour late", "每迟到一小时"),
        _word("hour_minor", "an hour on the way", "在途每小时"),
        _word("carbon_kg_minor", "a kilogram of CO2e", "每千克碳排放"),
        _word("reject_minor", "a refusal", "每次拒单"),
        _word("km_minor", "a kilometre|a kilometer", "每公里"),
        _word("store_minor", "a parcel from a store", "门店发出的每个包裹"),
        _word("warehouse_minor", "a parcel from a warehouse", "仓库发出的每个包裹"),
        _word("supplier_minor", "a parcel from a supplier", "供应商发出的每个包裹"),
        _word("backorder_minor", "a line that waits", "每行等待"),
        _word("expiry_day_minor", "a day nearer to expiry", "临期每早一天"),
    ),
}

_MONEY: Final = (
    _word("CNY", "CNY", "元|人民币|CNY"),
    *(_word(code, code, code) for code in sorted(CURRENCIES - {"CNY"})),
)

_NAMES: Final = {
    "TIER": (
        _word("black_gold", "black gold|black-gold|black_gold", "黑金"),
        _word("diamond", "diamond", "钻石"),
        _word("black", "black card", "黑卡"),
        _word("platinum", "platinum", "白金|铂金"),
        _word("gold", "gold", "金卡|黄金"),
        _word("silver", "silver", "银卡|白银"),
        _word("vip", "VIP", "VIP|贵宾"),
    ),
    "CHANNEL": (
        _word("pos", "the till|pos", "门店收银|pos"),
        _word("web", "the web shop|web", "网店|web"),
        _word("app", "the app|app", "手机应用|app"),
    ),
}

_PROVINCES: Final = """
    BJ Beijing 北京  TJ Tianjin 天津  HE Hebei 河北  SX Shanxi 山西  NM Inner_Mongolia 内蒙古  LN Liaoning 辽宁
    JL Jilin 吉林  HL Heilongjiang 黑龙江  SH Shanghai 上海  JS Jiangsu 江苏  ZJ Zhejiang 浙江  AH Anhui 安徽
    FJ Fujian 福建  JX Jiangxi 江西  SD Shandong 山东  HA Henan 河南  HB Hubei 湖北  HN Hunan 湖南
    GD Guangdong 广东  GX Guangxi 广西  HI Hainan 海南  CQ Chongqing 重庆  SC Sichuan 四川  GZ Guizhou 贵州
    YN Yunnan 云南  XZ Tibet 西藏  SN Shaanxi 陕西  GS Gansu 甘肃  QH Qinghai 青海  NX Ningxia 宁夏  XJ Xinjiang 新疆
""".split()
"""Provinces of China by ISO 3166-2; other regions are said by their codes, or by names that the chain adds."""

_REGIONS: Final = tuple(
    _word(f"CN-{code}", name.replace("_", " "), chinese)
    for code, name, chinese in zip(_PROVINCES[::3], _PROVINCES[1::3], _PROVINCES[2::3], strict=True)
)

WORDS: Final[Words] = MappingProxyType(
    {
        **_JOINTS,
        "AND": _AND,
        **_CONDITIONS,
        **_UNITS,
        **_NUMERALS,
        **_SIGNS,
        **_ACTIONS,
        **_VALUES,
        **_NAMES,
        "CURRENCY": _MONEY,
        "REGION": _REGIONS,
    }
)

OWN: Final = ("TIER", "REGION", "CHANNEL")
"""Classes to which a chain may add names of its own."""
