"""The Slack door.

In: ``door`` puts it together; ``edge`` verifies what comes over HTTP; ``app`` says which listener hears it:
``talk``, ``commands``, ``clicks`` or ``forms``.  ``tasks`` and ``presses`` read payloads (pure);
``people`` and ``groups`` say who acts.
Out: ``outbox`` sends notices and ``homes`` publishes App Home, drawn (pure) by ``drawings``, ``card`` (of
``facts``, ``arguments`` and ``preview``), ``home``, ``modals`` and ``editing`` from ``blocks`` and ``text``;
``replies`` answers one person.
Beside: ``client`` for the Web API, ``background`` for courtesies, ``manifest`` and ``rules`` for what Slack
itself demands.
"""
