"""Random marks in everything that is a tenant's, and the looks for them where they must not be."""
