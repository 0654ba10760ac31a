"""What an author of tools does on the command line: new, build, test, show, conform.

``templates`` makes a source folder, ``cases`` reads what is to be tried, ``stage`` is the host that a
tried tool meets, ``trying`` runs the cases in the real sandbox, ``commands`` prints.
"""
