"""The whole house in virtual time, decided by one seed: chaos, healing, then every promise (docs/simulation.md)."""
