"""What both shells need of the outside world: configuration, logs, problems, HTTP, tokens, MQTT, systemd.

Imports `edge_core` only. Nothing here knows an order.
"""
