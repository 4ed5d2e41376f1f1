"""From contacts and a campaign to a plan: which rows can be written to, in which requests.

Import `Prepared` and `prepare`, `Plan` and `plan`, `preview` from the modules here.
It may import contacts, phones, campaigns and what they rest on: nothing that sends.
"""
