// Fits a trial into the window: the facts scroll in a box of their own, the face takes what is left, and the choices
// stay in view. Whether all of that is seen decides when the clock starts.

const WIDE_FROM = 600; // CSS px: from here on the face stands beside the facts
const LOW_WINDOW = 560; // CSS px: in lower ones what stands above the trial is scrolled away
const LARGEST_FACE = 420;
const SMALLEST_FACE = 96;
const LEAST_FACTS = 84; // CSS px: about three rows on a phone
const GAP = 12;
const LEAST_FACE_OVER_STRIP = 320; // CSS px: where past cases would leave less to the own face, a button shows them
const LEAST_PAST = 200; // CSS px: a past case, where they take the place of the facts

// The part of the page that can be scrolled; in a page without Streamlit, the document.
function scroller() {
  return document.querySelector('[data-testid="stMain"]') ?? document.scrollingElement;
}

function heightOf(node) {
  if (!node || node.hidden) return 0;
  const style = getComputedStyle(node);
  return node.offsetHeight + parseFloat(style.marginTop) + parseFloat(style.marginBottom);
}

class Layout {
  constructor({ section, header, prompt, frame, facts, table, advice, choices, more, past }) {
    Object.assign(this, { section, header, prompt, frame, facts, table, advice, choices, more, past });
    this.facts.addEventListener("scroll", () => this.showWhetherThereIsMore(), { passive: true });
  }

  // Sizes for the present window and trial. `hasAdvice`: space is kept for it, also before it is shown.
  arrange(hasAdvice) {
    const { section, frame, facts, advice } = this;
    const main = scroller();
    const isLow = window.innerHeight < LOW_WINDOW;
    const top = section.getBoundingClientRect().top + main.scrollTop;
    const width = section.clientWidth;
    const isWide = hasAdvice && (width >= WIDE_FROM || window.innerWidth > window.innerHeight);
    section.classList.toggle("wide", isWide);
    const roomLeft = () => window.innerHeight - (isLow ? 4 : top) - heightOf(this.header) - heightOf(this.prompt)
      - heightOf(this.choices) - heightOf(this.past.strip) - heightOf(this.past.toggle) - 2 * GAP;
    this.past.place(isWide && width >= WIDE_FROM);
    if (roomLeft() < LEAST_FACE_OVER_STRIP) this.past.place(false);
    const { any: hasPast, isStrip } = this.past;
    const room = roomLeft();
    facts.style.maxHeight = facts.style.minHeight = "";
    const natural = Math.max(this.table.offsetHeight, hasPast && !isStrip ? LEAST_PAST : 0) + 2;
    let face = 0;
    let factsHeight = room;
    if (hasAdvice && isWide) {
      face = Math.min(room, width * 0.48, LARGEST_FACE);
    } else if (hasAdvice) {
      const left = room - GAP - Math.min(natural, Math.max(LEAST_FACTS, room * 0.45));
      face = Math.min(Math.max(left, room - GAP - natural), width, LARGEST_FACE);
    }
    if (hasAdvice) face = Math.max(SMALLEST_FACE, Math.floor(face));
    if (hasAdvice && !isWide) factsHeight = room - GAP - face;
    facts.style.maxHeight = `${Math.max(48, Math.floor(factsHeight))}px`;
    // The box keeps its size when past cases take the place of the facts, so that nothing else moves.
    if (hasPast && !isStrip) facts.style.minHeight = `${Math.max(48, Math.floor(Math.min(natural, factsHeight)))}px`;
    advice.style.width = advice.style.height = hasAdvice ? `${face}px` : "";
    frame.classList.toggle("has-advice", hasAdvice);
    this.showWhetherThereIsMore();
    return isLow ? top - 4 : 0;
  }

  // Where the trial belongs, without a jump where it is there already.
  bringIntoView(position) {
    const main = scroller();
    if (Math.abs(main.scrollTop - position) > 2) main.scrollTo(0, position);
  }

  showWhetherThereIsMore() {
    const { facts, more } = this;
    const left = facts.scrollHeight - facts.clientHeight - facts.scrollTop;
    const scrolls = facts.scrollHeight > facts.clientHeight + 2;
    more.hidden = !scrolls || left <= 4;
    if (scrolls) facts.tabIndex = 0;
    else facts.removeAttribute("tabindex");
  }

  // Whether all of these can be seen, zoomed in or not.
  isInView(nodes) {
    if (document.visibilityState !== "visible") return false;
    const seen = window.visualViewport;
    const [left, top, width, height] = seen ? [seen.offsetLeft, seen.offsetTop, seen.width, seen.height]
      : [0, 0, window.innerWidth, window.innerHeight];
    return nodes.every((node) => {
      const box = node.getBoundingClientRect();
      return box.width > 0 && box.top >= top - 1.5 && box.left >= left - 1.5
        && box.bottom <= top + height + 1.5 && box.right <= left + width + 1.5;
    });
  }
}
