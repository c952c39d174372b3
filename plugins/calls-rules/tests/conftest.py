import hypothesis

# A shared machine may stall any example for longer than Hypothesis allows by default.
hypothesis.settings.register_profile("rules", deadline=None, print_blob=True)
hypothesis.settings.load_profile("rules")
