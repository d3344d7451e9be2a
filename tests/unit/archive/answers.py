"""What a catalogue of MAST answers, from lists."""


class Client:
    """A client whose catalogues answer from lists, and which keeps what it was asked."""

    def __init__(self, observations=(), products=(), keywords=()):
        self.answers = {"observations": observations, "products": products, "keywords": keywords}
        self.asked = []
        self.observations = self.keywords = self

    def query_criteria(self, **criteria):
        self.asked.append(criteria)
        rows = self.answers["observations"]
        wanted = criteria.get("obs_id")
        names = wanted if isinstance(wanted, list) else [wanted]
        return [
            row for row in rows
            if wanted is None or any(
                row["obs_id"] == name or (name[-1:] == "*" and row["obs_id"].startswith(name[:-1]))
                for name in names
            )
        ]  # fmt: skip

    def get_product_list(self, ids):
        self.asked.append(ids)
        return [
            row for row in self.answers["products"] if row.get("parent_obsid", row["obsID"]) in ids
        ]

    def service_request(self, service, params):
        self.asked.append((service, params))
        return self.answers["keywords"]

    def ask(self, query, what, columns):
        self.asked.append((what, tuple(columns)))
        return query()


def product(file, obs_id="", **more):
    row = {"obsID": "1", "obs_id": obs_id, "dataURI": f"mast:{file}", "productFilename": file}
    return row | {"productSubGroupDescription": "RAW", "size": 7} | more
