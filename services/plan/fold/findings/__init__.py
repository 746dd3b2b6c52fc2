"""What a plan says about itself: pure functions over the folded plan, and no refusal of anything.

Sections do not call each other, so whatever needs two entries is found here.
"""
