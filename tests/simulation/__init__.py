"""The whole house in virtual time, decided by one seed: chaos, then healing, then every promise (docs/simulation.md)."""
