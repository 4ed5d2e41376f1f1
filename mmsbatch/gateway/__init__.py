"""The gateway seen from here: an account, requests as bytes, one POST.

Import ``Account`` and ``Target`` from ``account``, ``GatewayClient`` from ``client``, reading and
writing from ``wire``. This room imports the leaves, and never the sandbox's protocol.
"""
