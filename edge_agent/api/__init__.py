"""The HTTP API for tills, on localhost (design: docs/api.md; the contract: `/openapi.json`)."""
