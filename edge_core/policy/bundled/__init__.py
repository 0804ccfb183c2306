"""The policies that come with the product: JDM files as the editor writes them, and `bundle.json` with their titles."""
