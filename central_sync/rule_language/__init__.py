"""Rules of routing said in plain English or Chinese, as rows of a decision table (docs/rules-language.md)."""
