"""What was sent to whom, across runs, months later, and what needs a person.

Import `audit`, `history`, `diff`, `Diff`, `connect` and `RunLeftOut` from the modules here.
It may import runs, plans and what they rest on: nothing that sends or writes to a run.
"""
