"""The Slack door.

In: ``door`` puts it together; ``edge`` verifies what comes over HTTP; ``app`` says which listener hears it:
``talk``, ``commands`` or ``clicks``.  ``tasks`` reads payloads (pure), ``people`` says who acts.
Out: ``outbox`` sends notices, drawn (pure) by ``drawings`` and ``card`` from ``blocks``, ``arguments`` and
``text``.  Beside: ``client`` for the Web API, ``background`` for courtesies, ``manifest`` and ``rules`` for
what Slack itself demands.
"""
