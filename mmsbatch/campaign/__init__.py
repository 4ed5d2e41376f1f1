"""What is sent: a campaign, its content and its message (§1.2).

Import ``Campaign`` from ``campaign``, the five contents from ``content``, ``load_campaign`` from
``file``. This room imports the leaves only.
"""
