# Written by scripts/write_stubs.py; `make format` writes it again.
from offprior.figures.between_and_beyond import BetweenAndBeyond as BetweenAndBeyond
from offprior.figures.error_by_length import ErrorByLength as ErrorByLength
from offprior.figures.error_by_strength import ErrorByStrength as ErrorByStrength
from offprior.figures.headline import Headline as Headline
from offprior.figures.implied_weight import ImpliedWeight as ImpliedWeight
from offprior.figures.prediction_panels import PredictionPanels as PredictionPanels
from offprior.figures.study_curve import StudyCurve as StudyCurve
from offprior.figures.study_distances import StudyDistances as StudyDistances
from offprior.figures.study_map import StudyMap as StudyMap
from offprior.figures.train_test_matrix import TrainTestMatrix as TrainTestMatrix
from offprior.figures.training_curve import TrainingCurve as TrainingCurve
from offprior.figures.training_map import TrainingMap as TrainingMap
from offprior.figures.transition_matrices import TransitionMatrices as TransitionMatrices
from offprior.figures.verdict_map import VerdictMap as VerdictMap
