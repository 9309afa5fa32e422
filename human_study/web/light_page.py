"""Pages that are there at once, without Streamlit: one card with a heading, on desktops and phones."""

from __future__ import annotations

from html import escape
from string import Template

_PAGE = Template("""<!doctype html>
<html lang="$language">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="only light">
<meta name="robots" content="noindex, nofollow">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>$title</title>
<style>
  body { margin: 0; background: #f7f9fb; color: #17212b; font: 1.05rem/1.6 "Source Sans", "Source Sans 3",
         system-ui, sans-serif; overflow-wrap: anywhere; }
  .banner { background: #fff3cd; border-bottom: 1px solid #9a7b1f; padding: .6rem 1rem; text-align: center;
            font-weight: 600; }
  main { max-width: 36rem; margin: 9vh auto 3rem; padding: 2rem 2.2rem; background: #fff;
         border: 1px solid #d3dbe3; border-radius: .6rem; }
  h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1rem; }
  p { margin: 0 0 1rem; }
  ul { padding-left: 1.2rem; margin: 0 0 1.4rem; }
  .go { display: block; width: 100%; box-sizing: border-box; padding: .85rem; font: inherit; font-weight: 600;
        text-align: center; text-decoration: none; color: #fff; background: #17587f;
        border: 2px solid #17587f; border-radius: .5rem; cursor: pointer; }
  .go:hover { background: #10425f; }
  .go.second { margin-top: .8rem; color: #17587f; background: #fff; }
  .go.second:hover { background: #e8f1f7; }
  .go:focus-visible, input:focus-visible { outline: 3px solid #17212b; outline-offset: 3px; }
  label { display: block; margin: 0 0 .4rem; }
  input[type=password] { width: 100%; box-sizing: border-box; padding: .7rem; margin: 0 0 1rem; font: inherit;
         border: 1px solid #4a5968; border-radius: .5rem; }
  .refused { color: #9c1c1c; font-weight: 600; }
  .quiet { color: #4a5968; font-size: .95rem; margin: 1rem 0 0; }
  @media (max-width: 640px) { main { margin: 0; border: 0; border-radius: 0; padding: 1.6rem 1.2rem; } }
</style>
$banner
<main>
<h1>$title</h1>
$body
</main>
</html>
""")


def light_page(title: str, body: str, *, language: str = "en", note: str = "") -> str:
    """A whole page. `body` is HTML; `title` and `note`, a line above the card, are text."""
    banner = f'<div class="banner" role="note">{escape(note)}</div>' if note else ""
    return _PAGE.substitute(language=language, title=escape(title), banner=banner, body=body)
