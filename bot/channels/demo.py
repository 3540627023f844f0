"""The demo site: a small clinic page made from clinic.yml, so that `make run` shows the chat where visitors will meet it."""

from __future__ import annotations

from html import escape

from bot.channels.look import Look, look_of
from bot.channels.pages import Markup


def demo_values(look: Look) -> dict[str, str]:
    """Return what the demo page shows besides what every page does."""
    clinic = look.clinic
    note = "The clinic, its people and its prices are made up." if clinic.sample else "Replace it with your own site."
    sites = [look_of(clinic, site.slug, look.language) for site in clinic.sites]
    return {
        "note": note,
        "site": look.site.slug,
        "team": Markup("".join(_card(member.name, f"{member.role}. {member.about}") for member in clinic.team)),
        "prices": Markup("".join(_row(price.title, clinic.money(price.amount)) for price in clinic.prices)),
        "sites": Markup("".join(_site(one) for one in sites)),
    }


def _card(name: str, text: str) -> str:
    letters = "".join(word[0] for word in name.replace("Dr. ", "").split()[:2])
    text = text[:1].upper() + text[1:]
    face = f'<div class="face" aria-hidden="true">{escape(letters)}</div>'
    return f"<article>{face}<h3>{escape(name)}</h3><p>{escape(text)}</p></article>"


def _row(head: str, value: str) -> str:
    return f'<tr><th scope="row">{escape(head[:1].upper() + head[1:])}</th><td>{escape(value)}</td></tr>'


def _site(look: Look) -> str:
    site = look.site
    facts = f"<p>{escape(site.address)}</p><p>{escape(site.details.get('parking', ''))}</p>"
    call = f'<p><a href="{escape(look.phone.uri)}">{escape(look.phone.number)}</a></p>'
    hours = "".join(_row(days, times) for days, times in look.hours_rows)
    return f"<article><h3>{escape(site.title)}</h3>{facts}{call}<table><tbody>{hours}</tbody></table></article>"
