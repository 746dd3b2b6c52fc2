"""The screens that are looked at: for each, who looks and where it is."""

from tests.browser.recorded_apis import EDITH
from tests.browser.visits import PRIYA

TARIQ = "b4ddc87b-4f24-56b6-b4a1-3c6d611ea281"
LEANNE = "0643d5ee-0113-5cc2-a335-b47ed3e8cb91"
SCREENS = {
    "sign-in": ("", "/sign-in"),
    "home": (PRIYA, "/"),
    "plan": (PRIYA, f"/plans/{EDITH}"),
    "own plan": ("PCSP-EX-01/edith", f"/plans/{EDITH}"),
    "another plan": ("PCSP-EX-05/anita", f"/plans/{LEANNE}"),
    "emergency": (PRIYA, f"/plans/{EDITH}/emergency"),
    "versions": (PRIYA, f"/plans/{EDITH}/versions"),
    "a version": (PRIYA, f"/plans/{EDITH}/versions/36"),
    "compare": (PRIYA, f"/plans/{EDITH}/compare?from=36"),
    "what to compare": (PRIYA, f"/plans/{EDITH}/compare"),
    "history": (PRIYA, f"/plans/{EDITH}/history"),
    "over time": (PRIYA, f"/plans/{EDITH}/contributions"),
    "entry": (PRIYA, f"/plans/{EDITH}/entries/83e4d4d7-4b02-53d3-a12f-578a55cf39f8"),
    "own words": ("PCSP-EX-01/edith", f"/plans/{EDITH}/about-me"),
    "writing": ("PCSP-EX-01/edith", f"/plans/{EDITH}/about-me?heading=my_wellness"),
    "commenting": (PRIYA, f"/plans/{EDITH}/comment"),
    "reviews": (PRIYA, "/reviews"),
    "finding": (PRIYA, "/people"),
    "who has looked": ("PCSP-EX-01/edith", "/me/access"),
    "nothing there": (PRIYA, "/nowhere"),
}
