"""Why an interval can be believed: studies on truths that are known, and what they measured."""
