"""The maths: network, hidden state, ranking, checkpoint, predictor. torch lives here."""
