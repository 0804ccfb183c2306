"""The link without its sockets: entries, chain, messages, streams and the handshake (docs/protocol.md)."""
