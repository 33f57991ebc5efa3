"""The classifiers from before deep learning."""

import numpy as np
from sklearn.svm import SVC

from cnnlab.lecture.classical import make


def test_the_svm_is_scikit_learns_with_its_own_kernel():
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(10, 30))
    labels = np.arange(600) % 10
    images = (centres[labels] + 3 * generator.normal(size=(600, 30))).astype(np.float32)
    train, test = slice(0, 300), slice(300, 600)
    ours = make("svm", images[train], half_ink=0.5, seed=0).fit(images[train], labels[train])
    theirs = SVC(C=5, gamma=2 / (30 * float(images[train].var()))).fit(images[train], labels[train])
    predicted = ours.predict(images[test])
    assert 0.3 < (predicted == labels[test]).mean() < 1
    np.testing.assert_array_equal(predicted, theirs.predict(images[test]))
