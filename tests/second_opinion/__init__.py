"""Makes the model of the second opinion: `python -m tests.second_opinion`; README.md says how."""
