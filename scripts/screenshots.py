"""Make the pictures of the website chat for README and docs: the demo clinic with the whole assistant, in a real browser.

python scripts/screenshots.py      all pictures, into docs/images/

Install the typeface that the styles name first (`apt-get install fonts-inter`): without it the pictures show whatever the machine has.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from fixtures_browser import ARGUMENTS, CHROMIUM, LIKE_EVERYBODY, opened_shadows  # noqa: E402
from fixtures_server import WHOLE, Server, free_port  # noqa: E402

IMAGES = ROOT / "docs" / "images"

PAGE, PHONE = {"width": 1200, "height": 820}, {"width": 390, "height": 800}

SHOTS: tuple[tuple[str, dict[str, Any], tuple[str, ...]], ...] = (
    ("widget-light", {"viewport": PAGE}, ("Does it hurt?",)),
    ("widget-dark", {"viewport": PAGE, "color_scheme": "dark"}, ("What does it cost?",)),
    ("widget-phone", {"viewport": PHONE, "is_mobile": True, "has_touch": True}, ("Can someone call me back?",)),
    ("widget-emergency", {"viewport": PAGE}, ("It hurts when I breathe in since my last session",)),
)


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    if not Path(CHROMIUM).exists():
        sys.exit(f"no browser at {CHROMIUM}: apt-get install -y chromium (or set CHROMIUM)")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder), free_port(), {"CLINIC_DIR": str(ROOT / "clinic")}, WHOLE)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, LIKE_EVERYBODY])
        try:
            server.start()
            for name, options, said in SHOTS:
                shoot(browser, server, name, options, said)
                print(IMAGES / f"{name}.png")
        finally:
            server.stop()


def shoot(browser: Any, server: Server, name: str, options: dict[str, Any], said: tuple[str, ...]) -> None:
    """Open the chat on the demo page, say something, take a picture of it all."""
    context = browser.new_context(
        **options, device_scale_factor=2, locale="en-US", timezone_id="America/Denver", reduced_motion="reduce"
    )
    context.add_init_script(opened_shadows())
    page = context.new_page()
    page.goto(server.url)
    page.locator("frontdesk-chat .launcher").click()
    page.wait_for_timeout(1500)
    frame = next(one for one in page.frames if "/chat/frame" in one.url)
    for number, text in enumerate(said, start=2):
        frame.locator("#words").fill(text)
        frame.locator("#words").press("Enter")
        frame.locator(".turn.bot:not(.dots)").nth(number - 1).wait_for()
    page.wait_for_timeout(800)
    file = IMAGES / f"{name}.png"
    page.screenshot(path=str(file))
    context.close()
    if options["viewport"] is PHONE:
        on_a_desk(file)
    shrink(file)


def on_a_desk(file: Path) -> None:
    """Put a phone's picture onto a plain ground as wide as the others."""
    phone = Image.open(file).convert("RGB")
    ground = Image.new("RGB", (PAGE["width"] * 2, PAGE["height"] * 2), "#e9eeec")
    scale = (ground.height - 120) / phone.height
    phone = phone.resize((round(phone.width * scale), round(phone.height * scale)), Image.Resampling.LANCZOS)
    mask = Image.new("L", phone.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, *phone.size), 64, fill=255)
    left, top = (ground.width - phone.width) // 2, 60
    ImageDraw.Draw(ground).rounded_rectangle(
        (left - 16, top - 16, left + phone.width + 16, top + phone.height + 16), 78, fill="#1b2725"
    )
    ground.paste(phone, (left, top), mask)
    ground.save(file)


def shrink(file: Path) -> None:
    """Keep the file small: few colours are enough for a screen."""
    Image.open(file).convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(file, optimize=True)


if __name__ == "__main__":
    main()
