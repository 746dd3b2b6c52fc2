"""The pages across plans: what there is to do, and finding somebody."""
