"""A short list of everyday words that may stand for each other, for when no dictionary is at hand."""

from __future__ import annotations

from itertools import combinations

from rag_robust.synonyms.source import Source, grouped

__all__ = ["everyday"]

_GROUPS = """
big large; biggest largest; little small; smallest tiniest; begin start; began started; begins starts
end finish; ended finished; city town; cities towns; country nation; countries nations; buy purchase
bought purchased; help assist; build construct; built constructed; choose select; chosen selected
obtain acquire; provide supply; provided supplied; provides supplies; happen occur; happened occurred
happens occurs; inhabitants residents; film movie; films movies; illness disease; doctor physician
doctors physicians; company firm; companies firms; famous renowned; author writer; authors writers
located situated; made manufactured produced; invented devised; price cost; prices costs
yearly annual; approximately roughly; entire whole; main principal; method technique; methods techniques
often frequently; needed required; type kind sort; types kinds sorts; important significant
picture image; pictures images; amount quantity; amounts quantities; used utilised; uses utilises
contain include; contains includes; contained included; allow permit; allowed permitted; increase rise
increased rose; decrease decline; decreased declined; change alter; changed altered; rich wealthy
strange odd; reply answer; road street; ocean sea; stone rock; teacher instructor; student pupil
students pupils; error mistake; errors mistakes; difficult hard; easy simple; quick fast; quickly rapidly
clever smart; correct right; incorrect wrong; vessel ship; aircraft plane; job occupation; coffee java
beverage drink; beverages drinks; near close; ancient old; border frontier; neighbour neighbor
official formal; highest greatest; highest top; currently presently; reach attain; reached attained
explain describe; explained described; discover detect; discovered detected; assess evaluate; gather collect
gathered collected; speak talk; spoken said; speed velocity; weight mass; area surface; income earnings
children kids; car automobile; cars automobiles; house home; houses homes; journey trip; well properly
called named; known recognised; created formed; founded established; joined entered; won gained
"""


def everyday() -> Source:
    """About 200 words in groups; single words, each group of one part of speech.

    It is no dictionary: "wordnet", "pairs:FILE" and "vectors:FILE" have more. Ours.
    """
    groups = [line.split() for line in _GROUPS.replace("\n", ";").split(";") if line.strip()]
    pairs = [pair for group in groups for a, b in combinations(group, 2) for pair in ((a, b), (b, a))]
    return Source("everyday", grouped(pairs))
