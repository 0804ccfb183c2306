"""The processes as documents: what may follow what, by whose command, under which conditions, with which effects.

They are JSON, and nothing in them is code, so that an editor of processes can change them. `edge_core.orders.machines`
loads and checks them; their names of guards and effects are those registered in `edge_core.orders.guards` and
`edge_core.orders.effects` (docs/processes.md says what each part of a document means).
"""

from typing import Final

ORDER_PROCESS: Final = """
{"process": "order", "version": 1, "initial": "placed", "finals": ["cancelled", "returned", "rejected"],
 "transitions": [
  {"from": ["placed"], "on": "order.validated", "to": "validated"},
  {"from": ["placed"], "on": "order.validated:failed", "to": "rejected"},
  {"from": ["validated", "approved", "in_fulfillment", "held"], "on": "order.held", "to": "held",
   "command": "hold", "roles": ["store", "centre"], "guards": ["is_not_too_long"], "effects": ["hold_order"]},
  {"from": ["held"], "on": "order.held:escalated", "to": "held",
   "command": "escalate", "roles": ["timer"], "guards": ["hold_overdue"], "effects": ["escalate_hold"]},
  {"from": ["held"], "on": "order.approved", "to": "approved",
   "command": "approve", "roles": ["store", "centre"], "guards": ["may_answer_hold"],
   "effects": ["release_hold", "hand_over_what_waited"]},
  {"from": ["held"], "on": "order.approved:other_holds", "to": "held"},
  {"from": ["held"], "on": "order.approved:in_fulfillment", "to": "in_fulfillment"},
  {"from": ["held"], "on": "order.approved:delivered", "to": "completed"},
  {"from": ["held"], "on": "order.approved:after_return", "to": "partially_returned"},
  {"from": ["held"], "on": "order.approved:all_returned", "to": "returned"},
  {"from": ["validated", "approved"], "on": "fulfillment.routed", "to": "in_fulfillment"},
  {"from": ["in_fulfillment"], "on": "fulfillment.routed:backorder", "to": "validated"},
  {"from": ["in_fulfillment"], "on": "fulfillment.routed:approved", "to": "approved"},
  {"from": ["in_fulfillment"], "on": "fulfillment.rejected", "to": "validated"},
  {"from": ["in_fulfillment"], "on": "fulfillment.rejected:approved", "to": "approved"},
  {"from": ["in_fulfillment"], "on": "fulfillment.delivered", "to": "completed"},
  {"from": ["in_fulfillment"], "on": "fulfillment.delivered:after_return", "to": "partially_returned"},
  {"from": ["validated", "held", "approved", "in_fulfillment"], "on": "order.cancelled", "to": "cancelled",
   "command": "cancel", "roles": ["store", "centre"], "effects": ["cancel_rest"]},
  {"from": ["held"], "on": "order.cancelled:refused", "to": "cancelled",
   "command": "refuse", "roles": ["store", "centre"], "guards": ["may_answer_hold"], "effects": ["refuse_order"]},
  {"from": ["placed"], "on": "order.cancelled", "to": "cancelled"},
  {"from": ["validated", "held", "approved", "in_fulfillment"], "on": "order.cancelled:lines",
   "command": "cancel-lines", "roles": ["store"], "guards": ["is_not_too_long"], "effects": ["cancel_lines"]},
  {"from": ["validated", "held", "approved", "in_fulfillment"], "on": "order.cancelled:voided", "to": "cancelled",
   "command": "void", "roles": ["store"], "guards": ["nothing_has_left", "same_business_date", "no_exchange_paid"],
   "effects": ["void_order"]},
  {"from": ["validated", "held", "approved", "in_fulfillment"], "on": "order.cancelled:handed_back", "to": "cancelled",
   "command": "hand-back", "roles": ["store", "centre"], "guards": ["is_assigned", "goes_back_whole"],
   "effects": ["hand_back"]},
  {"from": ["in_fulfillment"], "on": "order.cancelled:rest", "to": "completed"},
  {"from": ["in_fulfillment"], "on": "order.cancelled:rest_after_return", "to": "partially_returned"},
  {"from": ["in_fulfillment"], "on": "order.cancelled:rest_all_returned", "to": "returned"},
  {"from": ["in_fulfillment"], "on": "order.cancelled:backorder", "to": "validated"},
  {"from": ["in_fulfillment"], "on": "order.cancelled:approved", "to": "approved"},
  {"from": ["in_fulfillment"], "on": "order.returned",
   "command": "return", "roles": ["store"], "guards": ["may_come_back"], "effects": ["take_back"]},
  {"from": ["in_fulfillment"], "on": "order.returned:exchanged",
   "command": "exchange", "roles": ["store"], "effects": ["take_back_for_exchange"]},
  {"from": ["completed", "partially_returned"], "on": "order.returned:partial", "to": "partially_returned"},
  {"from": ["completed", "partially_returned"], "on": "order.returned", "to": "returned",
   "command": "return", "roles": ["store"], "guards": ["may_come_back"], "effects": ["take_back"]},
  {"from": ["completed", "partially_returned"], "on": "order.returned:exchanged", "to": "returned",
   "command": "exchange", "roles": ["store"], "effects": ["take_back_for_exchange"]},
  {"from": ["in_fulfillment", "completed", "partially_returned"], "on": "return.requested",
   "command": "return-request", "roles": ["store", "centre"], "guards": ["may_come_back"],
   "effects": ["request_return"]},
  {"from": ["validated", "held", "approved", "in_fulfillment", "completed", "partially_returned"],
   "on": "payment.captured",
   "command": "pay", "roles": ["store", "centre"], "guards": ["may_owe"], "effects": ["take_payment"]}
 ]}
"""

PAYMENT_PROCESS: Final = """
{"process": "payment", "version": 1, "initial": "pending", "finals": ["voided", "refunded", "failed"],
 "transitions": [
  {"from": ["pending"], "on": "payment.authorized", "to": "authorized"},
  {"from": ["pending", "authorized"], "on": "payment.captured", "to": "captured"},
  {"from": ["pending", "authorized"], "on": "order.cancelled", "to": "voided"},
  {"from": ["captured"], "on": "order.cancelled:voided", "to": "voided"},
  {"from": ["captured", "partially_refunded"], "on": "order.cancelled:partial", "to": "partially_refunded"},
  {"from": ["captured", "partially_refunded"], "on": "order.cancelled", "to": "refunded"},
  {"from": ["pending", "authorized"], "on": "order.returned", "to": "voided"},
  {"from": ["captured", "partially_refunded"], "on": "order.returned:partial", "to": "partially_refunded"},
  {"from": ["captured", "partially_refunded"], "on": "order.returned", "to": "refunded"},
  {"from": ["pending"], "on": "order.validated:payment_failed", "to": "failed"}
 ]}
"""

GROUP_PROCESS: Final = """
{"process": "group", "version": 1, "initial": "unrouted", "finals": ["delivered", "cancelled"],
 "transitions": [
  {"from": ["unrouted", "backordered"], "on": "fulfillment.routed", "to": "routed",
   "command": "route", "roles": ["store", "centre"], "guards": ["not_held", "is_not_too_long"],
   "effects": ["promise_goods"]},
  {"from": ["unrouted", "routed"], "on": "fulfillment.routed:backorder", "to": "backordered"},
  {"from": ["routed"], "on": "stock.reserved", "to": "reserved"},
  {"from": ["reserved"], "on": "fulfillment.accepted", "to": "accepted",
   "command": "accept", "roles": ["store"], "guards": ["not_held"], "effects": ["accept_group"]},
  {"from": ["routed", "reserved", "accepted", "picked", "packed"], "on": "fulfillment.rejected", "to": "unrouted",
   "command": "reject", "roles": ["store"], "effects": ["give_group_up"]},
  {"from": ["reserved", "accepted"], "on": "fulfillment.picked", "to": "picked",
   "command": "pick", "roles": ["store"], "guards": ["not_held"], "effects": ["pick_goods"]},
  {"from": ["picked"], "on": "fulfillment.packed", "to": "packed",
   "command": "pack", "roles": ["store"], "guards": ["not_held"], "effects": ["pack_goods"]},
  {"from": ["picked", "packed"], "on": "fulfillment.ready_for_pickup", "to": "ready_for_pickup",
   "command": "ready", "roles": ["store"], "guards": ["not_held", "is_pickup"], "effects": ["issue_pickup_code"]},
  {"from": ["ready_for_pickup"], "on": "fulfillment.ready_for_pickup", "to": "ready_for_pickup",
   "command": "renew", "roles": ["store"], "guards": ["not_held", "is_not_too_long"],
   "effects": ["issue_pickup_code"]},
  {"from": ["picked", "packed"], "on": "fulfillment.shipped", "to": "shipped",
   "command": "ship", "roles": ["store"], "guards": ["not_held", "is_shipment", "balance_paid"],
   "effects": ["ship_goods", "capture_payments"]},
  {"from": ["reserved"], "on": "fulfillment.delivered", "to": "delivered"},
  {"from": ["ready_for_pickup"], "on": "fulfillment.delivered", "to": "delivered",
   "command": "collect", "roles": ["store"], "guards": ["not_held", "pickup_code_fits", "balance_paid"],
   "effects": ["hand_goods_over", "capture_payments"]},
  {"from": ["shipped"], "on": "fulfillment.delivered", "to": "delivered",
   "command": "deliver", "roles": ["store", "centre"], "effects": ["confirm_delivery"]},
  {"from": ["unrouted", "backordered", "routed", "reserved", "accepted", "picked", "packed", "ready_for_pickup"],
   "on": "order.cancelled", "to": "cancelled"},
  {"from": ["unrouted", "backordered", "routed", "reserved", "accepted", "picked", "packed", "ready_for_pickup"],
   "on": "order.cancelled:voided", "to": "cancelled"},
  {"from": ["unrouted", "backordered", "routed", "reserved", "accepted", "picked", "packed", "ready_for_pickup"],
   "on": "order.cancelled:refused", "to": "cancelled"},
  {"from": ["unrouted", "backordered", "routed", "reserved", "accepted", "picked", "packed"],
   "on": "order.cancelled:handed_back", "to": "cancelled"},
  {"from": ["ready_for_pickup"], "on": "order.cancelled:expired", "to": "cancelled",
   "command": "expire", "roles": ["store", "timer"], "guards": ["pickup_overdue"], "effects": ["cancel_group"]},
  {"from": ["unrouted", "backordered", "reserved", "accepted", "picked", "packed"], "on": "group.redirected",
   "command": "redirect", "roles": ["store", "centre"],
   "guards": ["not_held", "is_redirectable", "may_be_sent", "is_not_too_long"],
   "effects": ["redirect_group", "review_address"]},
  {"from": ["ready_for_pickup"], "on": "group.redirected", "to": "picked",
   "command": "redirect", "roles": ["store", "centre"],
   "guards": ["not_held", "is_redirectable", "may_be_sent", "is_not_too_long"],
   "effects": ["redirect_group", "review_address"]},
  {"from": ["unrouted", "backordered", "reserved", "accepted", "picked"], "on": "group.split",
   "command": "split", "roles": ["store", "centre"], "guards": ["not_held", "is_not_too_long"],
   "effects": ["split_group"]}
 ],
 "timeouts": [{"state": "ready_for_pickup", "after_hours": 168, "command": "expire"}]}
"""

RETURN_PROCESS: Final = """
{"process": "return", "version": 1, "initial": "requested", "finals": ["refused", "refunded", "exchanged"],
 "transitions": [
  {"from": ["requested"], "on": "return.approved", "to": "approved",
   "command": "return-approve", "roles": ["store", "centre"], "effects": ["approve_return"]},
  {"from": ["requested", "approved"], "on": "return.refused", "to": "refused",
   "command": "return-refuse", "roles": ["store", "centre"], "effects": ["refuse_return"]},
  {"from": ["approved"], "on": "return.received", "to": "received",
   "command": "return-receive", "roles": ["store"], "effects": ["receive_goods"]},
  {"from": ["received"], "on": "return.inspected", "to": "restocked",
   "command": "return-inspect", "roles": ["store"], "effects": ["inspect_goods"]},
  {"from": ["received"], "on": "return.inspected:damaged", "to": "damaged"},
  {"from": ["restocked", "damaged"], "on": "order.returned", "to": "refunded",
   "command": "return-refund", "roles": ["store"], "effects": ["refund_return"]},
  {"from": ["restocked", "damaged"], "on": "order.returned:exchanged", "to": "exchanged"}
 ]}
"""

DOCUMENTS: Final = (ORDER_PROCESS, PAYMENT_PROCESS, GROUP_PROCESS, RETURN_PROCESS)
"""All of them, the order's first."""
